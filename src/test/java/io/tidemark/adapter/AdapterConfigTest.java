package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.model.ModuleNames;
import io.tidemark.model.Projection;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The verification of patterns, rslora, regex and some-layers compares such configs with PEFT. */
@DisplayName("adapter_config.json")
class AdapterConfigTest {

    @TempDir
    private Path temp;

    @Test
    @DisplayName("The scale is alpha / r, and alpha / sqrt(r) with rsLoRA")
    void scales() throws IOException {
        assertThat(read("'target_modules': ['q_proj'], 'r': 16, 'lora_alpha': 8")
                        .scale(name(0, Projection.Q)))
                .isEqualTo(0.5);
        assertThat(read("'target_modules': ['q_proj'], 'r': 16, 'lora_alpha': 8, 'use_rslora': true")
                        .scale(name(0, Projection.Q)))
                .isCloseTo(2.0, within(1e-12));
    }

    @Test
    @DisplayName(
            "rank_pattern and alpha_pattern override rank and alpha by name or pattern, and the first match applies")
    void matchesPatterns() throws IOException {
        AdapterConfig config = read(
                "'target_modules': 'all-linear', 'r': 4, 'lora_alpha': 8, "
                        + "'rank_pattern': {'layers\\\\.1\\\\.self_attn\\\\.v_proj': 6, 'v_proj': 2, '^k_proj': 3, 'proj': 16}, 'alpha_pattern': {'q_proj': 5}");
        assertThat(config.rank(name(1, Projection.V))).isEqualTo(6);
        assertThat(config.rank(name(11, Projection.V)))
                .as("layers.11 does not end in layers.1")
                .isEqualTo(2);
        assertThat(config.rank(name(0, Projection.V))).isEqualTo(2);
        assertThat(config.rank(name(0, Projection.K)))
                .as("a pattern does not match a part of a component")
                .isEqualTo(4);
        assertThat(config.scale(name(3, Projection.Q))).isEqualTo(5.0 / 4);
        assertThat(config.scale(name(1, Projection.V))).isEqualTo(8.0 / 6);
    }

    @Test
    @DisplayName("target_modules matches the last components of a module name, but not a part of a component")
    void matchesNameEndings() throws IOException {
        assertThat(modules("['q_proj', 'mlp.up_proj']", ""))
                .containsExactlyInAnyOrder("0 Q", "0 UP", "1 Q", "1 UP", "2 Q", "2 UP");
        assertThat(modules("['model.layers.1.self_attn.o_proj']", "")).containsExactly("1 O");
        assertThat(modules("['proj']", "")).isEmpty();
    }

    @Test
    @DisplayName("target_modules as a regular expression matches the whole module name")
    void matchesWholeNames() throws IOException {
        assertThat(modules("'.*layers\\\\.[12]\\\\..*(q_proj|up_proj)'", ""))
                .containsExactlyInAnyOrder("1 Q", "1 UP", "2 Q", "2 UP");
        assertThat(modules("'layers\\\\.1\\\\.self_attn\\\\.q_proj'", ""))
                .as("the beginning is missing")
                .isEmpty();
        assertThat(modules("'.*q_pro'", "")).as("the end is missing").isEmpty();
    }

    @Test
    @DisplayName("target_modules can be all-linear, restricted to layers, and have exclusions")
    void matchesAllLinear() throws IOException {
        assertThat(modules("'all-linear'", "")).hasSize(3 * Projection.values().length);
        assertThat(modules("['v_proj']", ", 'layers_to_transform': [0, 2]")).containsExactlyInAnyOrder("0 V", "2 V");
        assertThat(modules("['v_proj']", ", 'layers_to_transform': 1")).containsExactly("1 V");
        assertThat(modules("['v_proj', 'o_proj']", ", 'exclude_modules': ['o_proj']"))
                .containsExactlyInAnyOrder("0 V", "1 V", "2 V");
        assertThat(modules("'all-linear'", ", 'exclude_modules': '.*mlp.*|.*layers\\\\.[02].*'"))
                .containsExactlyInAnyOrder("1 Q", "1 K", "1 V", "1 O");
    }

    @Test
    @DisplayName("layers_pattern finds the layer number, and modules without one are not targeted")
    void matchesLayersByPattern() throws IOException {
        assertThat(modules("['v_proj']", ", 'layers_to_transform': [1], 'layers_pattern': 'layers'"))
                .containsExactly("1 V");
        assertThat(modules("['v_proj']", ", 'layers_to_transform': [1], 'layers_pattern': ['h', 'model.layers']"))
                .containsExactly("1 V");
        assertThat(modules("['v_proj']", ", 'layers_to_transform': [1], 'layers_pattern': 'h'"))
                .isEmpty();
        assertThat(modules("['model.layers.0.self_attn.v_proj', 'o_proj']", ", 'layers_to_transform': [1]"))
                .as("a full name matches in any layer")
                .containsExactlyInAnyOrder("0 V", "1 O");
        AdapterConfig some = read(
                "'r': 4, 'lora_alpha': 8, 'target_modules': ['embed_tokens', 'lm_head'], 'layers_to_transform': [1]");
        assertThat(some.modules().hasLora(ModuleNames.EMBEDDING))
                .as("model.embed_tokens has no number")
                .isFalse();
        assertThat(some.modules().hasLora(ModuleNames.HEAD))
                .as("lm_head is a full name")
                .isTrue();
    }

    @Test
    @DisplayName("A saved module and its submodules have no LoRA")
    void savedModulesHaveNoLora() throws IOException {
        assertThat(modules("'all-linear'", ", 'modules_to_save': ['self_attn', 'layers.0.mlp.up_proj']"))
                .containsExactlyInAnyOrder("0 GATE", "0 DOWN", "1 GATE", "1 UP", "1 DOWN", "2 GATE", "2 UP", "2 DOWN");
        AdapterConfig config = read("'r': 4, 'lora_alpha': 8, 'target_modules': '.*', 'modules_to_save': ['lm_head']");
        assertThat(config.modules().hasLora(ModuleNames.HEAD)).isFalse();
        assertThat(config.modules().hasLora(ModuleNames.EMBEDDING)).isTrue();
    }

    private Set<String> modules(String targets, String more) throws IOException {
        AdapterConfig config = read("'r': 4, 'lora_alpha': 8, 'target_modules': " + targets + more);
        Set<String> found = new TreeSet<>();
        for (int layer = 0; layer < 3; layer++) {
            for (Projection projection : Projection.values()) {
                if (config.modules().hasLora(name(layer, projection))) {
                    found.add(layer + " " + projection);
                }
            }
        }
        return found;
    }

    private AdapterConfig read(String fields) throws IOException {
        Path file = Files.writeString(
                temp.resolve("adapter_config.json"),
                "{'peft_type': 'LORA', ".replace('\'', '"') + fields.replace('\'', '"') + "}");
        return AdapterConfig.read(file);
    }

    private static String name(int layer, Projection projection) {
        return ModuleNames.linear(layer, projection);
    }
}
