package io.tidemark.cli.boundaries;

import io.tidemark.boundary.TableEntry;
import io.tidemark.cli.BrokerAddress;
import io.tidemark.cli.CommandFailed;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tidemark boundaries get ADAPTER}. */
@Command(
        name = "get",
        description = "Shows one adapter's boundary; fails when the topic holds none.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  tidemark boundaries get restaurants --json"})
final class BoundariesGetCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private BrokerAddress broker;

    @Parameters(paramLabel = "ADAPTER", description = "The adapter's id.")
    private String adapter;

    @Option(names = "--json", description = "Print the JSON record, as it is on the topic.")
    private boolean json;

    @Override
    public Integer call() {
        Map<String, TableEntry> table = broker.boundaries().read();
        TableEntry entry = Optional.ofNullable(table.get(adapter))
                .orElseThrow(() -> new CommandFailed(
                        "no boundary is set for '" + adapter + "', so workers apply all its layers; known: "
                                + (table.isEmpty() ? "none" : String.join(", ", table.keySet()))));
        BoundaryListing.print(
                new TreeMap<>(Map.of(adapter, entry)), json, spec.commandLine().getOut());
        return 0;
    }
}
