package io.tidemark.benchmark.command;

import io.tidemark.benchmark.AdapterBenchmark;
import io.tidemark.benchmark.AdapterBenchmark.InterTokenLatencies;
import io.tidemark.benchmark.AdapterBenchmark.Run;
import io.tidemark.benchmark.AdapterWorkload;
import io.tidemark.benchmark.SyntheticAdapters;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.evaluation.Spread;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code bench/bench adapters}: measures many adapters in bounded memory. */
@Command(
        name = "adapters",
        description =
                "Serves many adapters of Zipf popularity in bounded memory, and compares with all of them in memory.",
        footer = {"", "Example:", "  bench/bench adapters --model demo/model --adapters 1000 --adapter-bytes 64"})
final class BenchAdaptersCommand extends ConsoleCommand {

    private static final double MIB = 1 << 20;

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Option(names = "--adapters", paramLabel = "N", description = "Number of adapters. Default: ${DEFAULT-VALUE}.")
    private int adapters = 1000;

    @Option(
            names = "--distinct",
            paramLabel = "N",
            description =
                    "Number of adapters with files of their own; the others are hard links. Default: ${DEFAULT-VALUE}.")
    private int distinct = 100;

    @Option(
            names = "--rank",
            paramLabel = "R",
            description = "LoRA rank of all seven modules. Default: ${DEFAULT-VALUE}.")
    private int rank = 8;

    @Option(
            names = "--adapter-bytes",
            paramLabel = "MIB",
            description = "Memory for adapters in MiB. Default: ${DEFAULT-VALUE}.")
    private long budget = 64;

    @Option(names = "--requests", paramLabel = "N", description = "Number of requests. Default: ${DEFAULT-VALUE}.")
    private int requests = 500;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            description = "Tokens that each request generates. Default: ${DEFAULT-VALUE}.")
    private int tokens = 32;

    @Option(
            names = "--max-num-seqs",
            paramLabel = "N",
            description = "Maximum number of running sequences. Default: ${DEFAULT-VALUE}.")
    private int maxNumSeqs = 8;

    @Option(
            names = "--repeat",
            paramLabel = "N",
            description = "Rounds of all measurements. Default: ${DEFAULT-VALUE}.")
    private int repeat = 3;

    @Override
    public Integer call() {
        if (adapters < 2
                || distinct < 1
                || rank < 1
                || budget < 1
                || requests < 1
                || tokens < 2
                || maxNumSeqs < 1
                || repeat < 1) {
            throw wrongUse("--adapters and --tokens must be 2 or more, all others 1 or more");
        }
        try (LocalModel local = model.open();
                SyntheticAdapters folder =
                        SyntheticAdapters.write(local.language().config(), adapters, distinct, rank)) {
            AdapterWorkload workload =
                    new AdapterWorkload(folder.folders(), budget << 20, requests, tokens, maxNumSeqs);
            AdapterBenchmark benchmark = new AdapterBenchmark(local.language(), workload);
            out().printf(
                            "%d adapters of rank %d (%d distinct, %.1f MiB each on disk), %d requests of %d tokens, "
                                    + "%d rows, budget %d MiB%n",
                            adapters,
                            rank,
                            Math.min(distinct, adapters),
                            folder.bytesOfOne() / MIB,
                            requests,
                            tokens,
                            maxNumSeqs,
                            budget);
            List<Double> ratios = new ArrayList<>();
            for (int round = 0; round < repeat; round++) {
                Run bounded = benchmark.bounded();
                print("bounded", bounded);
                Run resident = benchmark.resident(
                        used -> out().printf("(all %d requested adapters are loaded before the next run)%n", used));
                print("all in memory", resident);
                ratios.add(bounded.tokensPerSecond() / resident.tokensPerSecond());
            }
            Spread spread = Spread.of(ratios);
            out().printf(
                            "tokens per second, bounded over all in memory: ratio %.3f (median of %d, %.3f to %.3f)%n",
                            spread.median(), repeat, spread.min(), spread.max());
            print(benchmark.interTokenLatencies(repeat));
        } catch (IllegalStateException e) {
            throw new CommandException(e.getMessage(), e);
        }
        return 0;
    }

    private void print(String name, Run run) {
        out().printf(
                        "%s: %.0f tokens/s, hit rate %.1f%%, %d loads of %.1f ms, %d evictions, adapters at most %.1f MiB, "
                                + "process %s%n",
                        name,
                        run.tokensPerSecond(),
                        100 * run.hitRate(),
                        run.stats().loads(),
                        1e3 * run.secondsPerLoad(),
                        run.stats().evictions(),
                        run.maxAdapterBytes() / MIB,
                        run.processBytes().isPresent()
                                ? "%.0f MiB".formatted(run.processBytes().getAsLong() / MIB)
                                : "unknown");
    }

    private void print(InterTokenLatencies latencies) {
        for (double quantile : new double[] {0.5, 0.95, 0.99}) {
            out().printf(
                            "between tokens of running rows, %2.0f%%: %.2f ms, while adapters are loaded %.2f ms: ratio %.2f%n",
                            100 * quantile,
                            1e3 * InterTokenLatencies.at(latencies.quiet(), quantile),
                            1e3 * InterTokenLatencies.at(latencies.loading(), quantile),
                            latencies.ratio(quantile));
        }
        out().printf("(%d loads)%n", latencies.loads());
    }
}
