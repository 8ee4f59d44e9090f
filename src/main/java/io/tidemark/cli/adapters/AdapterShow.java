package io.tidemark.cli.adapters;

import io.tidemark.cli.console.CommandException;
import io.tidemark.client.AdapterTopic.Entry;
import io.tidemark.message.AdapterRecord.Stored;
import io.tidemark.message.WorkerStateRecord.Adapter;
import java.util.Optional;
import java.util.SortedMap;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tidemark adapters show NAME}: the record of a name, and what each worker has of it. */
@Command(
        name = "show",
        description = "Shows the record of a name, and for each worker its state, boundary and reason of a failure.",
        footer = {
            "",
            "Example:",
            "  tidemark adapters show extract-v2",
            "Exit codes: 0 done, 1 the name is not known or the topic can't be read, 2 wrong command line."
        })
final class AdapterShow extends AdapterNameCommand {

    private static final String FIELD = "%-8s %s%n";
    private static final String ROW = "%-36s %-10s %7s %8s  %s%n";

    @Option(names = "--json", description = "Print one JSON object: the record, and 'workers'.")
    private boolean json;

    @Override
    public Integer call() {
        SortedMap<String, Entry> entries = cluster().adapters().read();
        KnownWorkers workers = KnownWorkers.read(cluster(), err(), "the states of workers are not shown");
        SortedMap<String, ShownName> names = ShownName.all(entries, workers.all());
        ShownName shown = Optional.ofNullable(names.get(name()))
                .orElseThrow(() -> new CommandException("there is no record of '" + name()
                        + "', and no live worker has it in its settings; known: "
                        + (names.isEmpty() ? "none" : String.join(", ", names.keySet()))));
        if (json) {
            out().println(shown.json());
        } else {
            print(shown);
        }
        out().flush();
        return 0;
    }

    private void print(ShownName shown) {
        field("name", shown.name());
        field("kind", shown.kind());
        shown.entry().ifPresent(entry -> field("offset", Long.toString(entry.offset())));
        field(shown.kind().equals("alias") ? "targets" : "source", shown.content());
        shown.digest().ifPresent(digest -> field("digest", digest));
        shown.entry().flatMap(Entry::stored).ifPresent(this::print);
        if (!shown.workers().isEmpty()) {
            out().printf(ROW, "WORKER", "STATE", "OFFSET", "BOUNDARY", "REASON");
            shown.workers().forEach(this::print);
        }
    }

    private void print(Stored stored) {
        field("base", stored.base());
        field("options", stored.options().pinned() ? "pinned" : "none");
        if (!stored.labels().isEmpty()) {
            field(
                    "labels",
                    stored.labels().entrySet().stream()
                            .map(label -> label.getKey() + "=" + label.getValue())
                            .collect(Collectors.joining(", ")));
        }
    }

    private void print(NameOnWorker each) {
        Optional<Adapter> listed = each.listed();
        String reason = each.reason().orElse("")
                + each.message().map(message -> ": " + message).orElse("");
        boolean live = each.worker().live();
        out().printf(
                        ROW,
                        each.worker().name(),
                        live ? each.state() : "gone",
                        listed.filter(adapter -> adapter.offset().isPresent())
                                .map(adapter -> Long.toString(adapter.offset().getAsLong()))
                                .orElse("-"),
                        listed.filter(adapter -> adapter.boundary().isPresent())
                                .map(adapter ->
                                        Integer.toString(adapter.boundary().getAsInt()))
                                .orElse("-"),
                        live ? reason : "last seen " + each.worker().seen());
    }

    private void field(String name, String value) {
        out().printf(FIELD, name, value);
    }
}
