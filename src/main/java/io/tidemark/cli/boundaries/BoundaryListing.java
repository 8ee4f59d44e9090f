package io.tidemark.cli.boundaries;

import io.tidemark.boundary.BoundaryRecord;
import io.tidemark.boundary.TableEntry;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.SortedMap;

/** The boundaries as lines for people, or as the JSON records that they are. */
public final class BoundaryListing {

    private static final String ROW = "%-28s %-9s %-10s %8s  %-7s %-14s %s%n";

    private BoundaryListing() {}

    public static void print(SortedMap<String, TableEntry> table, boolean json, PrintWriter out) {
        if (json) {
            table.values().stream()
                    .filter(TableEntry.Present.class::isInstance)
                    .map(entry -> ((TableEntry.Present) entry).record())
                    .forEach(record -> out.println(new String(record.toJson(), StandardCharsets.UTF_8)));
        } else if (table.isEmpty()) {
            out.println("no boundaries are set: every adapter is applied in all layers");
        } else {
            out.printf(ROW, "ADAPTER", "BOUNDARY", "OBJECTIVE", "SAMPLES", "PINNED", "DIGEST", "REASON");
            table.forEach((adapter, entry) -> row(adapter, entry, out));
        }
        out.flush();
    }

    private static void row(String adapter, TableEntry entry, PrintWriter out) {
        if (entry instanceof TableEntry.Present present) {
            BoundaryRecord record = present.record();
            String layers =
                    record.numLayers().isPresent() ? " of " + record.numLayers().getAsInt() : "";
            out.printf(
                    ROW,
                    adapter,
                    record.boundary() + layers,
                    record.objective().orElse("-"),
                    record.samples().isPresent()
                            ? Long.toString(record.samples().getAsLong())
                            : "-",
                    record.pinned() ? "yes" : "no",
                    record.adapterDigest().map(BoundaryListing::abbreviated).orElse("any"),
                    record.reason().orElse(""));
        } else if (entry instanceof TableEntry.Broken broken) {
            out.printf(ROW, adapter, "-", "-", "-", "-", "-", "broken record: " + broken.message());
        }
    }

    private static String abbreviated(String digest) {
        return digest.length() <= 12 ? digest : digest.substring(0, 12) + "…";
    }
}
