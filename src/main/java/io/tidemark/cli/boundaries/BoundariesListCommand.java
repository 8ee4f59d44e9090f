package io.tidemark.cli.boundaries;

import io.tidemark.cli.BrokerAddress;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tidemark boundaries list}. */
@Command(
        name = "list",
        description = "Lists the boundary of every adapter.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  tidemark boundaries list --broker localhost:9092 --json"})
final class BoundariesListCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private BrokerAddress broker;

    @Option(names = "--json", description = "Print one JSON record a line, as they are on the topic.")
    private boolean json;

    @Override
    public Integer call() {
        BoundaryListing.print(
                broker.boundaries().read(), json, spec.commandLine().getOut());
        return 0;
    }
}
