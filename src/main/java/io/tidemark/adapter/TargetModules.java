package io.tidemark.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.model.ModuleNames;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Which modules have LoRA, decided as PEFT's {@code check_target_module_exists} decides it: a list of names or name
 * endings, a regular expression for the whole name, or {@code all-linear}; then less some layers and some exclusions.
 */
final class TargetModules {

    private final Selector included;
    private final Selector excluded;

    private interface Selector {
        boolean selects(String module);
    }

    private TargetModules(Selector included, Selector excluded) {
        this.included = included;
        this.excluded = excluded;
    }

    static TargetModules of(Path file, JsonNode config) {
        JsonNode targets = config.path("target_modules");
        if (targets.isArray()) {
            List<String> names = names(targets);
            TargetLayers layers = TargetLayers.of(file, config);
            return new TargetModules(
                    module -> names.contains(module) || endsIn(names, module) && layers.include(module),
                    excluded(file, config));
        }
        if (!targets.isTextual()) {
            throw AdapterRefused.broken(
                    file, "target_modules must be a list of names or a regular expression, not " + targets);
        }
        TargetLayers.refuseUseless(file, config);
        return new TargetModules(expression(file, "target_modules", targets.asText()), excluded(file, config));
    }

    boolean include(String module) {
        return included.selects(module) && !excluded.selects(module);
    }

    private static Selector excluded(Path file, JsonNode config) {
        JsonNode node = config.path("exclude_modules");
        if (node.isTextual()) {
            return expression(file, "exclude_modules", node.asText());
        }
        if (!node.isArray() && !node.isNull() && !node.isMissingNode()) {
            throw AdapterRefused.broken(
                    file, "exclude_modules must be a list of names or a regular expression, not " + node);
        }
        List<String> names = names(node);
        return module -> names.contains(module) || endsIn(names, module);
    }

    private static Selector expression(Path file, String field, String expression) {
        if (field.equals("target_modules")
                && expression.toLowerCase(Locale.ROOT).equals("all-linear")) {
            return module -> !module.equals(ModuleNames.HEAD) && !module.equals(ModuleNames.EMBEDDING);
        }
        return ModuleRegex.of(file, field, expression)::matches;
    }

    private static boolean endsIn(List<String> names, String module) {
        return names.stream().anyMatch(name -> module.endsWith("." + name));
    }

    private static List<String> names(JsonNode node) {
        List<String> names = new ArrayList<>();
        node.forEach(name -> names.add(name.asText()));
        return names;
    }
}
