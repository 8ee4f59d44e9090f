package io.tidemark.cli.demo;

import java.util.Optional;

/** Reads one number out of the Prometheus text of {@code /q/metrics}. */
final class BoundaryGauge {

    private static final String NAME = "tidemark_boundary";

    private BoundaryGauge() {}

    /** The boundary that the worker applies; -1 while it says nothing of the adapter, or has not loaded it yet. */
    static int of(String metrics, String adapter) {
        Optional<String> line = metrics.lines()
                .filter(text -> text.startsWith(NAME + "{") && text.contains("adapter=\"" + adapter + "\""))
                .findFirst();
        return line.map(text -> Double.parseDouble(text.substring(text.lastIndexOf(' ') + 1)))
                .filter(boundary -> !boundary.isNaN())
                .map(Double::intValue)
                .orElse(-1);
    }
}
