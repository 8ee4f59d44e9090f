package io.tidemark.cli.adapters;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.adapter.source.AdapterFolders;
import io.tidemark.adapter.source.AdapterSource;
import io.tidemark.adapter.source.HeldFolder;
import io.tidemark.adapter.source.SourceException;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.serving.ClusterOptions;
import io.tidemark.client.AdapterTopic.Entry;
import io.tidemark.message.AdapterRecord.Stored;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tidemark adapters verify}: compares the digests of records with what their sources have. */
@Command(
        name = "verify",
        description = "Reads the sources of records and compares their digests, one line for each name.",
        footer = {
            "",
            "Example:",
            "  tidemark adapters verify --all",
            "Exit codes: 0 all are the same, 1 a source differs or can't be read, 2 wrong command line."
        })
final class AdapterVerify extends ConsoleCommand {

    @Mixin
    private ClusterOptions cluster;

    @Mixin
    private SourceFolders folders;

    @ArgGroup(exclusive = true, multiplicity = "1")
    private Subject subject;

    @Option(
            names = "--json",
            description = "Print one JSON object for each name: 'name', 'source', 'offset', 'digest' of the record,"
                    + " 'result', and 'found' or 'message'.")
    private boolean json;

    /** Names, or all adapters. */
    static final class Subject {

        @Parameters(arity = "1..*", paramLabel = "NAME", description = "Names of adapters.")
        private List<String> names = new ArrayList<>();

        @Option(names = "--all", required = true, description = "All adapters of the topic.")
        private boolean all;
    }

    /**
     * The comparison of one record.
     *
     * @param result  {@code same}, {@code differs}, or the label of the failure
     * @param found   the digest of the source
     * @param message why the source can't be read
     */
    private record Comparison(String result, Optional<String> found, Optional<String> message) {}

    @Override
    public Integer call() {
        Map<String, Entry> chosen = chosen(cluster.adapters().read());
        if (chosen.isEmpty()) {
            err().println("nothing was compared: the topic has no adapter");
            err().flush();
            return 0;
        }
        return folders.open(open -> verify(chosen, open)) ? 0 : 1;
    }

    private Map<String, Entry> chosen(SortedMap<String, Entry> entries) {
        Map<String, Entry> chosen = new LinkedHashMap<>();
        if (subject.all) {
            entries.forEach((name, entry) -> {
                if (entry.alias().isEmpty()) {
                    chosen.put(name, entry);
                }
            });
            return chosen;
        }
        for (String name : subject.names) {
            Entry entry = Optional.ofNullable(entries.get(name))
                    .orElseThrow(() -> new CommandException("there is no record of '" + name + "'; records: "
                            + (entries.isEmpty() ? "none" : String.join(", ", entries.keySet()))));
            if (entry.alias().isPresent()) {
                throw new CommandException("'" + name + "' is an alias, which has no source; name its targets: "
                        + ShownName.targets(entry.alias().get()));
            }
            chosen.put(name, entry);
        }
        return chosen;
    }

    /** Whether all sources have what their records say. */
    private boolean verify(Map<String, Entry> chosen, AdapterFolders open) {
        boolean same = true;
        for (Map.Entry<String, Entry> each : chosen.entrySet()) {
            Comparison comparison = each.getValue()
                    .stored()
                    .map(stored -> compare(stored, open))
                    .orElseGet(() -> new Comparison(
                            "invalid_record", Optional.empty(), each.getValue().error()));
            print(each.getKey(), each.getValue(), comparison);
            same &= comparison.result.equals("same");
        }
        return same;
    }

    private static Comparison compare(Stored stored, AdapterFolders open) {
        try (HeldFolder folder = open.fetch(AdapterSource.parse(stored.source()))) {
            String result = folder.digest().equals(stored.digest()) ? "same" : "differs";
            return new Comparison(result, Optional.of(folder.digest()), Optional.empty());
        } catch (SourceException e) {
            return new Comparison(e.failure().label(), Optional.empty(), Optional.of(e.getMessage()));
        }
    }

    private void print(String name, Entry entry, Comparison comparison) {
        Optional<Stored> stored = entry.stored();
        if (json) {
            ObjectNode node =
                    JsonNodeFactory.instance.objectNode().put("name", name).put("offset", entry.offset());
            stored.ifPresent(record -> node.put("source", record.source()).put("digest", record.digest()));
            node.put("result", comparison.result);
            comparison.found.ifPresent(found -> node.put("found", found));
            comparison.message.ifPresent(message -> node.put("message", message));
            out().println(node);
        } else {
            String detail = comparison.message.orElseGet(() -> comparison.result.equals("same")
                    ? comparison.found.orElse("")
                    : "the record has " + stored.map(Stored::digest).orElse("") + ", the source "
                            + comparison.found.orElse(""));
            out().println(name + "  " + comparison.result + "  " + detail);
        }
        out().flush();
    }
}
