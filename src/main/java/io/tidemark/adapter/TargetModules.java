package io.tidemark.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.model.Projection;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Which linear modules an adapter is made for, decided as PEFT decides it: a list of names or name endings, a regular
 * expression for the whole name, or {@code all-linear}; then less some layers and some exclusions.
 */
final class TargetModules {

    private final Selector included;
    private final Selector excluded;
    private final Optional<Set<Integer>> layers;

    private interface Selector {
        boolean selects(String module);
    }

    private TargetModules(Selector included, Selector excluded, Optional<Set<Integer>> layers) {
        this.included = included;
        this.excluded = excluded;
        this.layers = layers;
    }

    static TargetModules of(Path file, JsonNode config) {
        JsonNode targets = config.path("target_modules");
        if (targets.isMissingNode() || targets.isNull()) {
            throw AdapterRefused.broken(file, "target_modules is missing");
        }
        return new TargetModules(selector(file, "target_modules", targets),
                selector(file, "exclude_modules", config.path("exclude_modules")), layers(file, config));
    }

    boolean include(int layer, Projection projection) {
        String module = name(layer, projection);
        return included.selects(module) && !excluded.selects(module) && layers.map(l -> l.contains(layer)).orElse(true);
    }

    /** The module's name in the base model. */
    static String name(int layer, Projection projection) {
        return "model.layers." + layer + "." + projection.path();
    }

    private static Selector selector(Path file, String field, JsonNode node) {
        if (node.isMissingNode() || node.isNull()) {
            return module -> false;
        }
        if (node.isArray()) {
            return selectorOfNames(file, field, node);
        }
        if (node.asText().equals("all-linear")) {
            return module -> true;
        }
        try {
            Pattern pattern = Pattern.compile(node.asText());
            return module -> pattern.matcher(module).matches();
        } catch (PatternSyntaxException e) {
            throw AdapterRefused.broken(file, field + " is no regular expression: " + node.asText(), e);
        }
    }

    /** Names that no module of a layer can end in point to a module outside the layers, or to another architecture. */
    private static Selector selectorOfNames(Path file, String field, JsonNode names) {
        List<String> endings = new ArrayList<>();
        for (JsonNode name : names) {
            boolean known = Arrays.stream(Projection.values())
                    .anyMatch(p -> p.path().endsWith(name.asText()) || name.asText().endsWith(p.path()));
            if (!known && field.equals("target_modules")) {
                throw AdapterRefused.unsupported(file, field, name.asText());
            }
            endings.add(name.asText());
        }
        return module -> endings.stream().anyMatch(ending -> module.equals(ending) || module.endsWith("." + ending));
    }

    private static Optional<Set<Integer>> layers(Path file, JsonNode config) {
        JsonNode node = config.path("layers_to_transform");
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
}
