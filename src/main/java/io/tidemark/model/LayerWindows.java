package io.tidemark.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;

/** Which layers attend to a sliding window, read as transformers 5 reads {@code sliding_window} and {@code layer_types}. */
final class LayerWindows {

    private static final String SLIDING = "sliding_attention";
    private static final String FULL = "full_attention";
    private static final int SIZE_WHERE_ABSENT = 4096;
    private static final int FIRST_LAYER_WHERE_ABSENT = 28;

    private LayerWindows() {}

    /** The window's size; empty where {@code sliding_window} is null. */
    static OptionalInt size(JsonFields config) {
        boolean absent = !config.root().has("sliding_window");
        return absent || config.has("sliding_window")
                ? OptionalInt.of(config.count("sliding_window", SIZE_WHERE_ABSENT))
                : OptionalInt.empty();
    }

    /** One window for all layers; {@code layer_types}, which such families do not read, may not say anything else. */
    static List<OptionalInt> same(JsonFields config, OptionalInt window, int layers) {
        if (config.has("layer_types")) {
            for (String type : types(config, layers)) {
                if (type.equals(SLIDING) != window.isPresent()) {
                    throw ModelRefused.unsupported(
                            config.file(), "layer_types", config.root().get("layer_types"));
                }
            }
        }
        return Collections.nCopies(layers, window);
    }

    /** A window for the layers that {@code layer_types} names, or from {@code max_window_layers} upwards. */
    static List<OptionalInt> byType(JsonFields config, int layers) {
        OptionalInt window = config.flag("use_sliding_window", false) ? size(config) : OptionalInt.empty();
        if (config.has("layer_types")) {
            return types(config, layers).stream()
                    .map(type -> type.equals(SLIDING) ? present(config, window) : OptionalInt.empty())
                    .toList();
        }
        int first = config.countFromZero("max_window_layers", FIRST_LAYER_WHERE_ABSENT);
        List<OptionalInt> windows = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            windows.add(layer >= first ? window : OptionalInt.empty());
        }
        return windows;
    }

    private static OptionalInt present(JsonFields config, OptionalInt window) {
        if (window.isEmpty()) {
            throw ModelRefused.broken(
                    config.file(),
                    "layer_types names " + SLIDING + ", but use_sliding_window and sliding_window give no window");
        }
        return window;
    }

    private static List<String> types(JsonFields config, int layers) {
        JsonNode types = config.root().get("layer_types");
        if (!types.isArray() || types.size() != layers) {
            throw config.wrong("layer_types", "a list of " + layers + " names, one a layer");
        }
        List<String> names = new ArrayList<>();
        for (JsonNode type : types) {
            if (!type.asText().equals(SLIDING) && !type.asText().equals(FULL)) {
                throw ModelRefused.unsupported(config.file(), "layer_types", type);
            }
            names.add(type.asText());
        }
        return names;
    }
}
