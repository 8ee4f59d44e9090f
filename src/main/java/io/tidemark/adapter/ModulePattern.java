package io.tidemark.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** A number for all modules with exceptions by name; the first that matches counts, as in PEFT's {@code get_pattern_key}. */
record ModulePattern(double general, Map<Pattern, Double> exceptions) {

    static ModulePattern of(Path file, JsonNode config, String field, String patternField) {
        Map<Pattern, Double> exceptions = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : config.path(patternField).properties()) {
            try {
                exceptions.put(Pattern.compile("(.*\\.)?(" + entry.getKey() + ")$"), positive(file, patternField, entry.getValue()));
            } catch (PatternSyntaxException e) {
                throw AdapterRefused.broken(file, patternField + " has a key that is no pattern: " + entry.getKey(), e);
            }
        }
        return new ModulePattern(positive(file, field, config.path(field)), exceptions);
    }

    double valueFor(String module) {
        return exceptions.entrySet().stream().filter(e -> e.getKey().matcher(module).lookingAt())
                .map(Map.Entry::getValue).findFirst().orElse(general);
    }

    private static double positive(Path file, String field, JsonNode value) {
        if (!value.isNumber() || !(value.doubleValue() > 0)) {
            throw AdapterRefused.broken(file, field + " must be a number greater than 0, not " + value);
        }
        return value.doubleValue();
    }
}
