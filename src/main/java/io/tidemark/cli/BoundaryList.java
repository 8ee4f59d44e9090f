package io.tidemark.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.serving.ClusterOptions;
import io.tidemark.client.CalibrationStates;
import io.tidemark.client.ClientException;
import io.tidemark.message.AdapterVersion;
import io.tidemark.message.TableEntry;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeSet;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code tidemark boundaries list}: the adapters with a boundary record, and those that calibrators have scored, which
 * workers apply in all layers without a record.
 */
@Command(
        name = "list",
        description = "Lists the boundary of each adapter that has a record or was calibrated.",
        footer = {
            "",
            "Example:",
            "  tidemark boundaries list --broker localhost:9092 --json",
            "Workers apply all other adapters in all layers. Adapters without a record come from the topic",
            "'calibration-state'."
        })
final class BoundaryList extends ConsoleCommand {

    private static final String NO_RECORD = "no record: all layers";

    @Mixin
    private ClusterOptions cluster;

    @Option(
            names = "--json",
            description = "Print the JSON records of the topic, one per line. An adapter without a record has the"
                    + " writer 'none' and its number of layers.")
    private boolean json;

    @Override
    public Integer call() {
        SortedMap<String, TableEntry> table = cluster.boundaries().read();
        Map<String, CalibrationStates.Progress> calibrated = calibrated();
        SortedSet<String> adapters = new TreeSet<>(table.keySet());
        adapters.addAll(calibrated.keySet());
        if (json) {
            adapters.forEach(adapter -> json(table, calibrated, adapter).ifPresent(out()::println));
        } else if (adapters.isEmpty()) {
            out().println(
                            "no boundary is set and no adapter was calibrated: workers apply every adapter in all layers");
        } else {
            BoundariesCommand.printHead(out());
            adapters.forEach(adapter -> printRow(table, calibrated, adapter));
            err().println("workers apply adapters that are not listed in all layers");
        }
        out().flush();
        err().flush();
        return 0;
    }

    /** None if the topic cannot be read: there may be no calibrator, or no right to read it. */
    private Map<String, CalibrationStates.Progress> calibrated() {
        try {
            return cluster.calibrationStates().progress();
        } catch (ClientException e) {
            err().println("adapters without a record are not listed: " + e.getMessage());
            return Map.of();
        }
    }

    private void printRow(
            SortedMap<String, TableEntry> table, Map<String, CalibrationStates.Progress> calibrated, String adapter) {
        if (table.containsKey(adapter)) {
            BoundariesCommand.printRow(adapter, table.get(adapter), out());
            return;
        }
        CalibrationStates.Progress progress = calibrated.get(adapter);
        int layers = progress.version().numLayers();
        out().printf(
                        BoundariesCommand.ROW,
                        adapter,
                        layers + " of " + layers,
                        "-",
                        progress.examples(),
                        "-",
                        BoundariesCommand.abbreviated(progress.version().adapterDigest()),
                        NO_RECORD);
    }

    /** Empty for a broken record of an adapter whose number of layers is not known. */
    private static Optional<String> json(
            SortedMap<String, TableEntry> table, Map<String, CalibrationStates.Progress> calibrated, String adapter) {
        TableEntry entry = table.getOrDefault(adapter, new TableEntry.Absent());
        if (entry instanceof TableEntry.Present present) {
            return Optional.of(new String(TopicJson.write(present.record()), StandardCharsets.UTF_8));
        }
        return Optional.ofNullable(calibrated.get(adapter))
                .map(progress -> full(
                        adapter,
                        progress.version(),
                        entry instanceof TableEntry.Broken broken ? "broken record: " + broken.message() : NO_RECORD));
    }

    private static String full(String adapter, AdapterVersion version, String reason) {
        ObjectNode node = JsonNodeFactory.instance
                .objectNode()
                .put("adapter", adapter)
                .put("boundary", version.numLayers())
                .put("writer", "none");
        node.putObject("version")
                .put("adapter_digest", version.adapterDigest())
                .put("base_model", version.baseModel())
                .put("base_digest", version.baseDigest())
                .put("num_layers", version.numLayers());
        return node.put("reason", reason).toString();
    }
}
