package io.tidemark.benchmark.command;

import io.tidemark.cli.console.RootCommand;
import io.tidemark.cli.model.ComputeOptions;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code bench/bench}: the benchmarks. */
@Command(
        name = "bench/bench",
        description = "Measures the engine and the boundary sweep, and simulates scaling and calibration.",
        subcommands = {
            BenchComputeTypesCommand.class,
            BenchDecodeCommand.class,
            BenchAdaptersCommand.class,
            BenchGenerateCommand.class,
            BenchInterferenceCommand.class,
            BenchSweepCommand.class,
            BenchScoresCommand.class,
            BenchScalingCommand.class,
            BenchCalibrationCommand.class
        },
        footer = {
            "",
            "Example:",
            "  bench/bench sweep --model demo/model --adapter demo/adapters/describe \\",
            "      --data demo/data/describe-validation.jsonl",
            "Exit codes: 0 success, 1 failure, 2 wrong command line."
        })
public final class BenchCommand extends RootCommand {

    /** Creates the command line. */
    static CommandLine commandLine() {
        return ComputeOptions.parsedBy(new BenchCommand().line());
    }

    public static void main(String... args) {
        System.exit(commandLine().execute(args));
    }
}
