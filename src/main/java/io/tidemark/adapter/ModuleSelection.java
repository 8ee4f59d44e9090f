package io.tidemark.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModuleNames;
import io.tidemark.model.Projection;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Which modules of the base model an adapter changes, and how, with the matching rules of PEFT ({@code
 * check_target_module_exists}).
 *
 * <ul>
 *   <li>Modules with LoRA: {@code target_modules}, restricted by {@code layers_to_transform}, without
 *       {@code exclude_modules} and without saved modules and their submodules.
 *   <li>Saved modules, whose weights replace those of the base model: {@code modules_to_save}.
 * </ul>
 */
final class ModuleSelection {

    /** PEFT's pattern where {@code layers_pattern} is absent: the first number between dots is the layer. */
    private static final String ANY_LAYER = ".*?\\.[^.]*\\.(\\d+)\\.";

    private final Path file;
    private final Predicate<String> targeted;
    private final Predicate<String> excluded;
    private final List<String> saved;
    private final List<ModuleRegex> insideSaved = new ArrayList<>();

    /**
     * @param file   the config file, for error messages
     * @param config its content
     * @throws InvalidAdapterException if one of the options has a value that PEFT does not accept
     */
    ModuleSelection(Path file, JsonNode config) {
        this.file = file;
        this.targeted = targeted(file, config);
        this.excluded = excluded(file, config);
        this.saved = saved(file, config.path("modules_to_save"));
        for (String name : saved) {
            insideSaved.add(ModuleRegex.of(file, "modules_to_save", "(^|.*\\.)" + name + "($|\\..*)"));
        }
    }

    boolean hasLora(String module) {
        return targeted.test(module)
                && !excluded.test(module)
                && insideSaved.stream().noneMatch(pattern -> pattern.matchesPrefix(module));
    }

    /** Whether the module is saved. PEFT compares the ends of module names. */
    boolean isSaved(String module) {
        return saved.stream().anyMatch(module::endsWith);
    }

    /** @throws InvalidAdapterException if a saved module is one that cannot be replaced for single rows of a batch */
    void refuseUnsupportedSaved(ModelConfig model) {
        List<String> unsupported = new ArrayList<>(List.of("model", "model.layers"));
        for (int layer = 0; layer < model.numLayers(); layer++) {
            unsupported.add(ModuleNames.layer(layer));
            unsupported.add(ModuleNames.layer(layer) + ".self_attn");
            unsupported.add(ModuleNames.layer(layer) + ".mlp");
            for (Projection projection : Projection.values()) {
                unsupported.add(ModuleNames.linear(layer, projection));
            }
        }
        for (String name : saved) {
            if (unsupported.stream().anyMatch(module -> module.endsWith(name))) {
                throw InvalidAdapterException.unsupported(file, "modules_to_save", name);
            }
        }
    }

    private static Predicate<String> targeted(Path file, JsonNode config) {
        JsonNode targets = config.path("target_modules");
        if (targets.isArray()) {
            List<String> names = names(targets);
            Predicate<String> inLayers = inLayers(file, config);
            return module -> names.contains(module) || endsWithAny(names, module) && inLayers.test(module);
        }
        if (!targets.isTextual()) {
            throw InvalidAdapterException.broken(
                    file, "target_modules must be a list of names or a regular expression, not " + targets);
        }
        for (String field : List.of("layers_to_transform", "layers_pattern")) {
            if (config.hasNonNull(field)) {
                throw InvalidAdapterException.broken(file, field + " requires target_modules to be a list");
            }
        }
        String expression = targets.asText();
        if (expression.toLowerCase(Locale.ROOT).equals("all-linear")) {
            return module -> !module.equals(ModuleNames.HEAD) && !module.equals(ModuleNames.EMBEDDING);
        }
        return ModuleRegex.of(file, "target_modules", expression)::matches;
    }

    private static Predicate<String> excluded(Path file, JsonNode config) {
        JsonNode node = config.path("exclude_modules");
        if (node.isTextual()) {
            return ModuleRegex.of(file, "exclude_modules", node.asText())::matches;
        }
        if (!node.isArray() && !isAbsent(node)) {
            throw InvalidAdapterException.broken(
                    file, "exclude_modules must be a list of names or a regular expression, not " + node);
        }
        List<String> names = names(node);
        return module -> names.contains(module) || endsWithAny(names, module);
    }

    private static List<String> saved(Path file, JsonNode node) {
        if (!node.isArray() && !isAbsent(node)) {
            throw InvalidAdapterException.broken(file, "modules_to_save must be a list of names, not " + node);
        }
        return names(node);
    }

    /**
     * Whether a module is in one of {@code layers_to_transform}. Modules outside of layers are not, if the option is
     * present.
     */
    private static Predicate<String> inLayers(Path file, JsonNode config) {
        List<ModuleRegex> patterns = layerPatterns(file, config.path("layers_pattern"));
        return layers(file, config.path("layers_to_transform"))
                .<Predicate<String>>map(layers -> module -> patterns.stream()
                        .flatMap(pattern -> pattern.prefixMatch(module).stream())
                        .findFirst()
                        .map(match -> layers.contains(Integer.valueOf(match.group(match.groupCount()))))
                        .orElse(false))
                .orElse(module -> true);
    }

    private static Optional<Set<Integer>> layers(Path file, JsonNode node) {
        if (isAbsent(node)) {
            return Optional.empty();
        }
        Set<Integer> layers = new HashSet<>();
        if (node.isInt()) {
            layers.add(node.intValue());
        } else {
            node.forEach(layer -> layers.add(layer.asInt(-1)));
        }
        if (layers.isEmpty() || layers.contains(-1)) {
            throw InvalidAdapterException.broken(file, "layers_to_transform must be layer numbers, not " + node);
        }
        return Optional.of(layers);
    }

    private static List<ModuleRegex> layerPatterns(Path file, JsonNode node) {
        if (isAbsent(node) || node.asText("x").isEmpty() || node.isArray() && node.isEmpty()) {
            return List.of(ModuleRegex.of(file, "layers_pattern", ANY_LAYER));
        }
        List<ModuleRegex> patterns = new ArrayList<>();
        for (JsonNode pattern : node.isArray() ? node : List.of(node)) {
            patterns.add(
                    ModuleRegex.of(file, "layers_pattern", "(?:^|.*?\\.)(?:" + pattern.asText() + ")\\.(\\d+)\\."));
        }
        return patterns;
    }

    private static boolean endsWithAny(List<String> names, String module) {
        return names.stream().anyMatch(name -> module.endsWith("." + name));
    }

    private static boolean isAbsent(JsonNode node) {
        return node.isNull() || node.isMissingNode();
    }

    private static List<String> names(JsonNode node) {
        List<String> names = new ArrayList<>();
        node.forEach(name -> names.add(name.asText()));
        return names;
    }
}
