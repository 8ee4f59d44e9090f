package io.tidemark.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** A number for all modules with exceptions by name; the first that matches counts, as in PEFT's {@code get_pattern_key}. */
record ModulePattern(double general, Map<ModuleRegex, Double> exceptions) {

    static ModulePattern of(Path file, JsonNode config, String field, String patternField) {
        Map<ModuleRegex, Double> exceptions = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : config.path(patternField).properties()) {
            exceptions.put(
                    ModuleRegex.of(file, patternField, "(.*\\.)?(" + entry.getKey() + ")$"),
                    positive(file, patternField, entry.getValue()));
        }
        return new ModulePattern(positive(file, field, config.path(field)), exceptions);
    }

    double valueFor(String module) {
        return exceptions.entrySet().stream()
                .filter(e -> e.getKey().begins(module))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse(general);
    }

    private static double positive(Path file, String field, JsonNode value) {
        if (!value.isNumber() || !(value.doubleValue() > 0)) {
            throw AdapterRefused.broken(file, field + " must be a number greater than 0, not " + value);
        }
        return value.doubleValue();
    }
}
