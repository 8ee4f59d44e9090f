package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.fixture.Folders;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The verification of each family's models shows that transformers computes the same with such configurations. */
@DisplayName("Model families")
class ModelFamilyTest {

    @TempDir
    private Path temp;

    @Test
    @DisplayName("Each family has the biases and head norms of its architecture")
    void hasItsParts() {
        assertThat(read("'model_type': 'llama'").biases()).isEqualTo(new ModelConfig.Biases(false, false, false));
        assertThat(read("'model_type': 'llama', 'attention_bias': true").biases())
                .isEqualTo(new ModelConfig.Biases(true, true, false));
        assertThat(read("'model_type': 'mistral'").biases()).isEqualTo(new ModelConfig.Biases(false, false, false));
        assertThat(read("'model_type': 'qwen2'").biases()).isEqualTo(new ModelConfig.Biases(true, false, false));
        assertThat(read("'model_type': 'qwen3', 'attention_bias': true").biases())
                .isEqualTo(new ModelConfig.Biases(true, true, false));
        assertThat(read("'model_type': 'qwen3'").headNorms()).isTrue();
        assertThat(read("'model_type': 'qwen2'").headNorms()).isFalse();
    }

    @Test
    @DisplayName("Absent and null fields have the family's default of transformers")
    void hasItsDefaults() {
        assertThat(read("'model_type': 'mistral', 'num_attention_heads': 16, 'num_key_value_heads': '(absent)'")
                        .kvHeads())
                .isEqualTo(8);
        assertThat(read("'model_type': 'mistral', 'num_attention_heads': 16, 'num_key_value_heads': null")
                        .kvHeads())
                .isEqualTo(16);
        assertThat(read("'model_type': 'qwen3', 'head_dim': '(absent)'").headDim())
                .isEqualTo(128);
        assertThat(read("'model_type': 'qwen2', 'head_dim': '(absent)'").headDim())
                .isEqualTo(16);
        assertThat(read("'model_type': 'mistral', 'max_position_embeddings': '(absent)'")
                        .contextLength())
                .isEqualTo(131_072);
    }

    @Test
    @DisplayName("Sliding windows are read from sliding_window, layer_types and max_window_layers")
    void hasItsWindows() {
        assertThat(read("'model_type': 'mistral'").windows())
                .containsOnly(OptionalInt.of(4096))
                .hasSize(6);
        assertThat(read("'model_type': 'mistral', 'sliding_window': null").windows())
                .containsOnly(OptionalInt.empty());
        assertThat(read("'model_type': 'mistral', 'sliding_window': 7")
                        .windows()
                        .get(3))
                .hasValue(7);
        assertThat(read("'model_type': 'qwen2', 'sliding_window': 7").windows()).containsOnly(OptionalInt.empty());
        assertThat(read("'model_type': 'qwen2', 'sliding_window': 7, 'use_sliding_window': true")
                        .windows())
                .as("28 layers have no window if max_window_layers is absent")
                .containsOnly(OptionalInt.empty());
        assertThat(
                        sizes(
                                "'model_type': 'qwen3', 'sliding_window': 7, 'use_sliding_window': true, 'max_window_layers': 4"))
                .containsExactly(0, 0, 0, 0, 7, 7);
        assertThat(
                        sizes(
                                "'model_type': 'qwen3', 'sliding_window': 7, 'use_sliding_window': true, 'max_window_layers': 0"))
                .containsExactly(7, 7, 7, 7, 7, 7);
        assertThat(
                        sizes(
                                "'model_type': 'qwen2', 'sliding_window': 7, 'use_sliding_window': true, 'max_window_layers': 0, 'layer_types': "
                                        + "['full_attention', 'sliding_attention', 'full_attention', 'full_attention', 'full_attention', 'sliding_attention']"))
                .containsExactly(0, 7, 0, 0, 0, 7);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("A field that would not be applied is refused by name")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "sliding_window | 'model_type': 'llama', 'sliding_window': 8",
                "use_sliding_window | 'model_type': 'mistral', 'use_sliding_window': true",
                "attention_bias | 'model_type': 'qwen2', 'attention_bias': true",
                "mlp_bias | 'model_type': 'qwen3', 'mlp_bias': true",
                "layer_types | 'model_type': 'mistral', 'sliding_window': 8, 'layer_types': ['full_attention', 'full_attention', 'full_attention', 'full_attention', 'full_attention', 'full_attention']",
                "layer_types | 'model_type': 'qwen3', 'layer_types': ['chunked_attention', 'full_attention', 'full_attention', 'full_attention', 'full_attention', 'full_attention']",
                "layer_types | 'model_type': 'qwen3', 'layer_types': ['full_attention']",
                "layer_types | 'model_type': 'qwen3', 'layer_types': ['sliding_attention', 'full_attention', 'full_attention', 'full_attention', 'full_attention', 'full_attention']",
                "head_dim | 'model_type': 'llama', 'head_dim': 15",
                "sliding_window | 'model_type': 'mistral', 'sliding_window': 0",
                "model_type | 'model_type': 'qwen2_moe'"
            })
    void refusesByName(String field, String fields) {
        assertThat(catchThrowableOfType(InvalidModelException.class, () -> read(fields)))
                .isNotNull()
                .hasMessageContaining(field)
                .hasMessageContaining("config.json");
    }

    private List<Integer> sizes(String fields) {
        return read(fields).windows().stream().map(window -> window.orElse(0)).toList();
    }

    /** The config.json of llama-gqa with some fields set; "(absent)" removes one. */
    private ModelConfig read(String fields) {
        Path folder = Folders.copyOfModel("llama-gqa", temp);
        Folders.edit(folder.resolve("config.json"), root -> {
            try {
                new ObjectMapper()
                        .readTree("{" + fields.replace('\'', '"') + "}")
                        .properties()
                        .forEach(field -> {
                            if (field.getValue().asText().equals("(absent)")) {
                                root.remove(field.getKey());
                            } else {
                                root.set(field.getKey(), field.getValue());
                            }
                        });
            } catch (IOException e) {
                throw new IllegalArgumentException(e);
            }
        });
        return ModelConfig.read(folder);
    }
}
