package io.tidemark.cli.bench;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark bench}: the benchmarks. */
@Command(
        name = "bench",
        description = "Runs benchmarks.",
        mixinStandardHelpOptions = true,
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
public final class BenchCommand implements Runnable {

    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "Name one of: " + String.join(", ", spec.subcommands().keySet()));
    }
}
