package io.tidemark.cli.bench;

import io.tidemark.benchmark.scaling.Workload;
import io.tidemark.benchmark.scaling.Workload.Arrivals;
import io.tidemark.benchmark.scaling.Workload.Keys;
import io.tidemark.benchmark.scaling.Workload.Lengths;
import picocli.CommandLine.Option;

/** The requests of {@code bench scaling}. */
final class ScalingWorkloadOptions {

    @Option(
            names = "--hours",
            paramLabel = "H",
            defaultValue = "24",
            description = "Length of the trace. Default: ${DEFAULT-VALUE}.")
    private double hours;

    @Option(
            names = "--rate",
            paramLabel = "R",
            defaultValue = "5",
            description = "Mean requests per second. Default: ${DEFAULT-VALUE}.")
    private double rate;

    @Option(
            names = "--burst",
            paramLabel = "FACTOR",
            defaultValue = "4",
            description = "Rate in the busy state over the rate in the quiet state. Default: ${DEFAULT-VALUE}.")
    private double burst;

    @Option(
            names = "--quiet-seconds",
            paramLabel = "S",
            defaultValue = "1200",
            description = "Mean time in the quiet state. Default: ${DEFAULT-VALUE}.")
    private double quietSeconds;

    @Option(
            names = "--busy-seconds",
            paramLabel = "S",
            defaultValue = "300",
            description = "Mean time in the busy state. Default: ${DEFAULT-VALUE}.")
    private double busySeconds;

    @Option(
            names = "--wave",
            paramLabel = "A",
            defaultValue = "0.6",
            description = "Amplitude of the daily wave over the mean, 0 to 1. Default: ${DEFAULT-VALUE}.")
    private double wave;

    @Option(
            names = "--prompt-tokens",
            paramLabel = "N",
            defaultValue = "200",
            description = "Mean tokens of a prompt. Default: ${DEFAULT-VALUE}.")
    private double promptTokens;

    @Option(
            names = "--completion-tokens",
            paramLabel = "N",
            defaultValue = "110",
            description = "Mean tokens of a completion. Default: ${DEFAULT-VALUE}.")
    private double completionTokens;

    @Option(
            names = "--sigma",
            paramLabel = "S",
            defaultValue = "0.8",
            description = "Standard deviation of the logarithms of both. Default: ${DEFAULT-VALUE}.")
    private double sigma;

    @Option(
            names = "--long-share",
            paramLabel = "SHARE",
            defaultValue = "0.01",
            description = "Share of long requests. Default: ${DEFAULT-VALUE}.")
    private double longShare;

    @Option(
            names = "--long-tokens",
            paramLabel = "N",
            defaultValue = "2000",
            description = "Mean tokens of a long completion. Default: ${DEFAULT-VALUE}.")
    private double longTokens;

    @Option(
            names = "--length-shift",
            paramLabel = "FACTOR",
            defaultValue = "2",
            description =
                    "The requests of a busy state are this much longer, this much shorter or neither. Default: ${DEFAULT-VALUE}.")
    private double lengthShift;

    @Option(
            names = "--adapters",
            paramLabel = "N",
            defaultValue = "30",
            description = "Number of adapters; their popularity is a Zipf distribution. Default: ${DEFAULT-VALUE}.")
    private int adapters;

    @Option(
            names = "--keys",
            paramLabel = "KEYS",
            defaultValue = "REQUEST",
            description = "${COMPLETION-CANDIDATES}: what decides the partition. Default: ${DEFAULT-VALUE}.")
    private Keys keys;

    Workload workload() {
        return new Workload(
                hours,
                new Arrivals(rate, burst, quietSeconds, busySeconds, wave),
                new Lengths(promptTokens, completionTokens, sigma, longShare, longTokens, lengthShift),
                adapters,
                keys);
    }
}
