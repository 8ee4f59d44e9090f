package io.tidemark.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** {@code layers_to_transform} and {@code layers_pattern}: which layers' modules a list of name endings means. */
final class TargetLayers {

    /** PEFT's own pattern where none is given: the first number that stands between dots. */
    private static final String ANY = ".*?\\.[^.]*\\.(\\d+)\\.";

    private final Optional<Set<Integer>> layers;
    private final List<ModuleRegex> patterns;

    private TargetLayers(Optional<Set<Integer>> layers, List<ModuleRegex> patterns) {
        this.layers = layers;
        this.patterns = patterns;
    }

    static TargetLayers of(Path file, JsonNode config) {
        return new TargetLayers(
                layers(file, config.path("layers_to_transform")), patterns(file, config.path("layers_pattern")));
    }

    /** PEFT takes neither field beside a regular expression. */
    static void refuseUseless(Path file, JsonNode config) {
        for (String field : List.of("layers_to_transform", "layers_pattern")) {
            if (config.hasNonNull(field)) {
                throw AdapterRefused.broken(file, field + " works only with a list of target_modules");
            }
        }
    }

    /** Modules outside the layers have no number, and are left out once layers are named. */
    boolean include(String module) {
        return layers.map(numbers -> numberOf(module).map(numbers::contains).orElse(false))
                .orElse(true);
    }

    private Optional<Integer> numberOf(String module) {
        return patterns.stream()
                .flatMap(pattern -> pattern.lookingAt(module).stream())
                .findFirst()
                .map(matcher -> Integer.valueOf(matcher.group(matcher.groupCount())));
    }

    private static Optional<Set<Integer>> layers(Path file, JsonNode node) {
        if (node.isMissingNode() || node.isNull()) {
            return Optional.empty();
        }
        Set<Integer> layers = new HashSet<>();
        if (node.isInt()) {
            layers.add(node.intValue());
        } else {
            node.forEach(layer -> layers.add(layer.asInt(-1)));
        }
        if (layers.isEmpty() || layers.contains(-1)) {
            throw AdapterRefused.broken(file, "layers_to_transform must be layer numbers, not " + node);
        }
        return Optional.of(layers);
    }

    private static List<ModuleRegex> patterns(Path file, JsonNode node) {
        if (node.isMissingNode() || node.isNull() || node.asText("x").isEmpty() || node.isArray() && node.isEmpty()) {
            return List.of(ModuleRegex.of(file, "layers_pattern", ANY));
        }
        List<ModuleRegex> patterns = new ArrayList<>();
        for (JsonNode pattern : node.isArray() ? node : List.of(node)) {
            patterns.add(
                    ModuleRegex.of(file, "layers_pattern", "(?:^|.*?\\.)(?:" + pattern.asText() + ")\\.(\\d+)\\."));
        }
        return patterns;
    }
}
