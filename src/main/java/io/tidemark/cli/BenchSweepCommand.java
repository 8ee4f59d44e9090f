package io.tidemark.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tidemark bench sweep}: one pass over all boundaries against one pass each. */
@Command(
        name = "sweep",
        description = "Compares the calibrator's one sweep over all boundaries with one pass for each boundary.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  tidemark bench sweep --model demo/model --adapter demo/adapters/describe \\",
            "      --data demo/data/describe-validation.jsonl --examples 32 --repeat 3"})
final class BenchSweepCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "The base model's Hugging Face folder.")
    private Path model;

    @Option(names = "--adapter", required = true, paramLabel = "DIR", description = "The adapter's PEFT folder.")
    private Path adapter;

    @Option(names = "--data", required = true, paramLabel = "FILE.jsonl", description = "Examples with prompt and completion.")
    private Path data;

    @Option(names = "--examples", paramLabel = "N", defaultValue = "16", description = "How many of them. Default: ${DEFAULT-VALUE}.")
    private int examples;

    @Option(names = "--repeat", paramLabel = "N", defaultValue = "3",
            description = "Runs of each; the fastest counts. Default: ${DEFAULT-VALUE}.")
    private int repeat;

    @Override
    public Integer call() {
        throw new CommandFailed("waiting for the room");
    }
}
