package io.tidemark.cli.boundaries;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark boundaries}: reads and writes the compacted topic of boundaries. */
@Command(
        name = "boundaries",
        description = "Shows and sets the adapters' boundaries on the topic 'adapter-boundaries'.",
        mixinStandardHelpOptions = true,
        subcommands = {
            BoundariesListCommand.class,
            BoundariesGetCommand.class,
            BoundariesSetCommand.class,
            BoundariesUnsetCommand.class
        },
        footer = {
            "",
            "Example: use the adapter 'restaurants' in the lowest 12 layers only, whatever a calibrator finds",
            "  tidemark boundaries set restaurants 12"
        })
public final class BoundariesCommand implements Runnable {

    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "Name one of: " + String.join(", ", spec.subcommands().keySet()));
    }
}
