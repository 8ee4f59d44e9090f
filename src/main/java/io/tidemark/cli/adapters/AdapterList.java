package io.tidemark.cli.adapters;

import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.serving.ClusterOptions;
import io.tidemark.client.AdapterTopic.Entry;
import java.util.Collection;
import java.util.SortedMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tidemark adapters list}: all names with the states of the workers. */
@Command(
        name = "list",
        description = "Lists the names of the topic 'adapters' and of the workers' settings, with the workers' states.",
        footer = {
            "",
            "Example:",
            "  tidemark adapters list --broker localhost:9092 --json",
            "'settings' is an adapter of the settings of a worker, without a record. Where a name has both, the record",
            "is shown: workers use it in place of the folder.",
            "Exit codes: 0 done, 1 the topic can't be read, 2 wrong command line."
        })
final class AdapterList extends ConsoleCommand {

    private static final String ROW = "%-28s %-8s %-12.12s %7s  %-24s %s%n";

    @Mixin
    private ClusterOptions cluster;

    @Option(names = "--json", description = "Print one JSON object for each name, as 'show --json' does.")
    private boolean json;

    @Override
    public Integer call() {
        SortedMap<String, Entry> entries = cluster.adapters().read();
        KnownWorkers workers = KnownWorkers.read(
                cluster, err(), "the states of workers and the adapters of their settings are not shown");
        Collection<ShownName> names = ShownName.all(entries, workers.all()).values();
        if (json) {
            names.forEach(name -> out().println(name.json()));
        } else if (names.isEmpty()) {
            out().println("there is no adapter: neither a record nor a folder in the settings of a live worker");
        } else {
            out().printf(ROW, "NAME", "KIND", "DIGEST", "OFFSET", "WORKERS", "SOURCE OR TARGETS");
            names.forEach(this::print);
        }
        out().flush();
        return 0;
    }

    private void print(ShownName name) {
        out().printf(
                        ROW,
                        name.name(),
                        name.kind(),
                        name.digest().orElse("-"),
                        name.entry().map(entry -> Long.toString(entry.offset())).orElse("-"),
                        name.liveStates(),
                        name.content());
    }
}
