package io.tidemark.cli;

import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.client.BoundaryTopic;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.BoundaryRecord.Decision;
import io.tidemark.message.BoundaryRecord.Version;
import io.tidemark.message.TableEntry;
import io.tidemark.message.TopicJson;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tidemark boundaries}: reads and writes the topic of boundaries, and reads that of decisions. */
@Command(
        name = "boundaries",
        description = "Shows, explains and sets the adapters' boundaries on the topic 'adapter-boundaries'.",
        subcommands = {
            BoundaryList.class,
            BoundariesCommand.Get.class,
            BoundariesCommand.Set.class,
            BoundariesCommand.Unset.class,
            BoundaryHistory.class,
            BoundaryExplanation.class,
            BoundaryRollback.class,
            BoundaryReset.class
        },
        footer = {
            "",
            "Example: apply the adapter 'restaurants' in the lowest 12 layers, independent of calibration",
            "  tidemark boundaries set restaurants 12"
        })
final class BoundariesCommand extends ConsoleCommand {

    static final String ROW = "%-28s %-9s %-10s %8s  %-10s %-14s %s%n";

    @Override
    public Integer call() {
        throw wrongUse("Name one of: " + String.join(", ", spec().subcommands().keySet()));
    }

    /** {@code tidemark boundaries get ADAPTER}. */
    @Command(
            name = "get",
            description = "Shows the boundary of one adapter; fails if the topic has none.",
            footer = {"", "Example:", "  tidemark boundaries get restaurants --json"})
    static final class Get extends AdapterBoundaryCommand {

        @Option(names = "--json", description = "Print the JSON record of the topic.")
        private boolean json;

        @Override
        public Integer call() {
            Map<String, TableEntry> table = cluster().boundaries().read();
            TableEntry entry = Optional.ofNullable(table.get(adapter()))
                    .orElseThrow(() -> new CommandException(
                            "no boundary is set for '" + adapter() + "', so workers apply it in all layers; known: "
                                    + (table.isEmpty() ? "none" : String.join(", ", table.keySet()))));
            print(new TreeMap<>(Map.of(adapter(), entry)), json, out());
            return 0;
        }
    }

    /** {@code tidemark boundaries set ADAPTER LAYERS}: writes a pinned record, which calibrators do not change. */
    @Command(
            name = "set",
            description = "Pins the boundary of an adapter for every version with enough layers, until it is unset.",
            footer = {
                "",
                "Example:",
                "  tidemark boundaries set restaurants 12 --reason 'complaints about long answers'"
            })
    static final class Set extends AdapterBoundaryCommand {

        @Parameters(
                index = "1",
                paramLabel = "LAYERS",
                description = "Number of the lowest layers that use the adapter; 0: the base model.")
        private int layers;

        @Option(
                names = "--reason",
                paramLabel = "TEXT",
                defaultValue = "set by hand",
                description = "The reason, stored in the record. Default: ${DEFAULT-VALUE}.")
        private String reason;

        @Override
        public Integer call() {
            if (layers < 0 || adapter().isBlank()) {
                throw wrongUse("ADAPTER must not be blank, and LAYERS must be 0 or more");
            }
            BoundaryTopic topic = cluster().boundaries();
            topic.put(BoundaryRecord.setByHand(
                    adapter(), layers, reason, Instant.now().truncatedTo(ChronoUnit.SECONDS)));
            print(topic.read(), false, out());
            return 0;
        }
    }

    /** {@code tidemark boundaries unset ADAPTER}: writes a tombstone. */
    @Command(
            name = "unset",
            description =
                    "Removes the boundary or the pin of an adapter: workers apply all layers until the next move.",
            footer = {
                "",
                "Example:",
                "  tidemark boundaries unset restaurants",
                "The examples so far still count: the next batch with a new example may move the boundary at once.",
                "'tidemark boundaries reset' discards them."
            })
    static final class Unset extends AdapterBoundaryCommand {

        @Override
        public Integer call() {
            BoundaryTopic topic = cluster().boundaries();
            topic.remove(adapter());
            out().println("removed the record of '" + adapter() + "': workers apply it in all layers. The examples so"
                    + " far still count, so the next batch with a new example may move the boundary; 'tidemark"
                    + " boundaries reset " + adapter() + "' discards them");
            print(topic.read(), false, out());
            return 0;
        }
    }

    /** Prints boundaries as a table, or as the JSON records of the topic. */
    static void print(SortedMap<String, TableEntry> table, boolean json, PrintWriter out) {
        if (json) {
            table.values().stream()
                    .filter(TableEntry.Present.class::isInstance)
                    .map(entry -> ((TableEntry.Present) entry).record())
                    .forEach(record -> out.println(new String(TopicJson.write(record), StandardCharsets.UTF_8)));
        } else if (table.isEmpty()) {
            out.println("no boundary is set: workers apply every adapter in all layers");
        } else {
            printHead(out);
            table.forEach((adapter, entry) -> printRow(adapter, entry, out));
        }
        out.flush();
    }

    static void printHead(PrintWriter out) {
        out.printf(ROW, "ADAPTER", "BOUNDARY", "OBJECTIVE", "SAMPLES", "WRITER", "DIGEST", "REASON");
    }

    static void printRow(String adapter, TableEntry entry, PrintWriter out) {
        if (entry instanceof TableEntry.Present present) {
            BoundaryRecord record = present.record();
            OptionalInt layers = record.version().map(Version::numLayers).orElse(OptionalInt.empty());
            out.printf(
                    ROW,
                    adapter,
                    record.boundary() + (layers.isPresent() ? " of " + layers.getAsInt() : ""),
                    record.decision().map(Decision::objective).orElse("-"),
                    record.decision()
                            .map(decision -> Long.toString(decision.samples()))
                            .orElse("-"),
                    record.writer().written(),
                    record.version()
                            .flatMap(Version::adapterDigest)
                            .map(BoundariesCommand::abbreviated)
                            .orElse("any"),
                    record.reason().orElse(""));
        } else if (entry instanceof TableEntry.Broken broken) {
            out.printf(ROW, adapter, "all", "-", "-", "-", "-", "broken record: " + broken.message());
        }
    }

    static String abbreviated(String digest) {
        return digest.length() <= 12 ? digest : digest.substring(0, 12) + "…";
    }
}
