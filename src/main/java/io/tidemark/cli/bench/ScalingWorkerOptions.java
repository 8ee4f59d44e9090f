package io.tidemark.cli.bench;

import io.tidemark.benchmark.scaling.GroupSettings;
import io.tidemark.benchmark.scaling.Throughput;
import io.tidemark.benchmark.scaling.WorkerSettings;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Option;

/** The workers and the consumer group of {@code bench scaling}. */
final class ScalingWorkerOptions {

    /**
     * SmolLM2-135M in {@code int8} on two cores. With the prefill rate, requests of 32 prompt tokens and 32 new ones
     * have the throughput of "two instances" in docs/performance.md, section Instances.
     */
    @Option(
            names = "--throughput",
            split = ",",
            paramLabel = "SEQUENCES=TOKENS",
            defaultValue = "1=81,8=410,16=605,32=743",
            description = "Completion tokens per second of a worker by the number of running sequences. "
                    + "Default: ${DEFAULT-VALUE}, SmolLM2-135M in int8 on two cores.")
    private Map<Integer, Double> throughput;

    @Option(
            names = "--prefill",
            paramLabel = "TOKENS",
            defaultValue = "1500",
            description = "Prompt tokens per second of a worker. Default: ${DEFAULT-VALUE}.")
    private double prefill;

    @Option(
            names = "--max-num-seqs",
            paramLabel = "N",
            defaultValue = "32",
            description = "Maximum number of running sequences of a worker. Default: ${DEFAULT-VALUE}.")
    private int maxNumSeqs;

    @Option(
            names = "--max-queued",
            paramLabel = "N",
            defaultValue = "16",
            description = "Maximum number of requests that wait in a worker's engine. Default: ${DEFAULT-VALUE}.")
    private int maxQueued;

    @Option(
            names = "--start-seconds",
            paramLabel = "S",
            defaultValue = "20",
            description =
                    "Time from the creation of a pod until the worker joins the group. Default: ${DEFAULT-VALUE}.")
    private double startSeconds;

    @Option(
            names = "--shutdown-grace",
            paramLabel = "S",
            defaultValue = "20",
            description = "Time that open requests of a worker have after SIGTERM. Default: ${DEFAULT-VALUE}.")
    private double shutdownGrace;

    @Option(
            names = "--partitions",
            paramLabel = "N",
            defaultValue = "48",
            description = "Partitions of the request topic. Default: ${DEFAULT-VALUE}.")
    private int partitions;

    @Option(
            names = "--rebalance-seconds",
            paramLabel = "S",
            defaultValue = "3",
            description = "Time that a partition has no owner when it moves. Default: ${DEFAULT-VALUE}.")
    private double rebalanceSeconds;

    @Option(
            names = "--revoke-grace",
            paramLabel = "S",
            defaultValue = "10",
            description = "Time that running requests of a partition have before it moves. Default: ${DEFAULT-VALUE}.")
    private double revokeGrace;

    @Option(
            names = "--markers",
            paramLabel = "N",
            defaultValue = "0",
            description = "Offsets that the transactions of clients use per request. Default: ${DEFAULT-VALUE}.")
    private double markers;

    WorkerSettings worker() {
        return new WorkerSettings(
                new Throughput(new TreeMap<>(throughput), prefill), maxNumSeqs, maxQueued, startSeconds, shutdownGrace);
    }

    GroupSettings group() {
        return new GroupSettings(partitions, markers, rebalanceSeconds, revokeGrace);
    }
}
