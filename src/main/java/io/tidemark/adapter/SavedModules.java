package io.tidemark.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModuleNames;
import io.tidemark.model.Projection;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code modules_to_save}: modules that the adapter holds as a whole. PEFT finds them by the end of their names. */
final class SavedModules {

    private final Path file;
    private final List<String> names;
    private final List<ModuleRegex> patterns;

    private SavedModules(Path file, List<String> names, List<ModuleRegex> patterns) {
        this.file = file;
        this.names = names;
        this.patterns = patterns;
    }

    static SavedModules of(Path file, JsonNode config) {
        JsonNode node = config.path("modules_to_save");
        if (!node.isArray() && !node.isNull() && !node.isMissingNode()) {
            throw AdapterRefused.broken(file, "modules_to_save must be a list of names, not " + node);
        }
        List<String> names = new ArrayList<>();
        List<ModuleRegex> patterns = new ArrayList<>();
        for (JsonNode name : node) {
            names.add(name.asText());
            patterns.add(ModuleRegex.of(file, "modules_to_save", "(^|.*\\.)" + name.asText() + "($|\\..*)"));
        }
        return new SavedModules(file, names, patterns);
    }

    boolean include(String module) {
        return names.stream().anyMatch(module::endsWith);
    }

    /** Whether the module gets no LoRA, since it is a saved one or lies in one. */
    boolean hide(String module) {
        return patterns.stream().anyMatch(pattern -> pattern.begins(module));
    }

    /** @throws AdapterRefused when a module is saved that is none of those that can be replaced a row at a time */
    void refuseOthers(ModelConfig model) {
        List<String> others = new ArrayList<>(List.of("model", "model.layers"));
        for (int layer = 0; layer < model.numLayers(); layer++) {
            others.add(ModuleNames.layer(layer));
            others.add(ModuleNames.layer(layer) + ".self_attn");
            others.add(ModuleNames.layer(layer) + ".mlp");
            for (Projection projection : Projection.values()) {
                others.add(ModuleNames.linear(layer, projection));
            }
        }
        for (String name : names) {
            if (others.stream().anyMatch(other -> other.endsWith(name))) {
                throw AdapterRefused.unsupported(file, "modules_to_save", name);
            }
        }
    }
}
