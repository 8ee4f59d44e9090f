package io.tidemark.cli.bench;

import io.tidemark.cli.console.ConsoleCommand;
import picocli.CommandLine.Command;

/** {@code tidemark bench}: the benchmarks. */
@Command(
        name = "bench",
        description = "Runs benchmarks.",
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
            "  tidemark bench sweep --model demo/model --adapter demo/adapters/describe \\",
            "      --data demo/data/describe-validation.jsonl"
        })
public final class BenchCommand extends ConsoleCommand {

    @Override
    public Integer call() {
        throw wrongUse("Name one of: " + String.join(", ", spec().subcommands().keySet()));
    }
}
