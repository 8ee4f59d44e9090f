package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.fixture.Folders;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Configuration of a model (config.json)")
class ModelConfigTest {

    @TempDir
    private Path temp;

    private Path folder;

    @BeforeEach
    void copy() throws IOException {
        folder = Folders.copyOfModel("llama-gqa", temp);
        Files.delete(folder.resolve("generation_config.json"));
    }

    @Test
    @DisplayName("Rope fields of transformers 4 and 5 have the same meaning")
    void readsBothSpellings() {
        ModelConfig four = read(root -> set(
                        root,
                        "rope_scaling",
                        "{\"type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, "
                                + "\"high_freq_factor\": 4, \"original_max_position_embeddings\": 64}")
                .put("rope_theta", 500000.0));
        ModelConfig five = read(root -> {
            root.remove(List.of("rope_theta", "rope_scaling", "torch_dtype"));
            set(
                            root,
                            "rope_parameters",
                            "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, "
                                    + "\"high_freq_factor\": 4, \"original_max_position_embeddings\": 64, \"rope_theta\": 500000.0}")
                    .put("dtype", "float32");
        });
        assertThat(five).isEqualTo(four);
        assertThat(five.rope()).isEqualTo(new RotaryEmbedding.Llama3(500000, 8, 1, 4, 64));
    }

    @Test
    @DisplayName("Linear and yarn scaling are read with the options and defaults of transformers")
    void readsOtherScalings() {
        assertThat(read(root -> set(root, "rope_scaling", "{\"type\": \"linear\", \"factor\": 2.5}"))
                        .rope())
                .isEqualTo(new RotaryEmbedding.Linear(10_000, 2.5));
        assertThat(read(root -> set(root, "rope_scaling", "{\"type\": \"yarn\", \"factor\": 4}"))
                        .rope())
                .as("the original context length defaults to the model's")
                .isEqualTo(
                        new RotaryEmbedding.Yarn(10_000, 4, 512, RotaryEmbedding.Yarn.attentionFactor(4), 32, 1, true));
        assertThat(read(root -> set(
                                root,
                                "rope_scaling",
                                "{\"rope_type\": \"yarn\", \"factor\": 8, \"original_max_position_embeddings\": 64, "
                                        + "\"beta_fast\": 16, \"beta_slow\": 2, \"mscale\": 1.0, \"mscale_all_dim\": 0.7, \"truncate\": false}"))
                        .rope())
                .isEqualTo(new RotaryEmbedding.Yarn(
                        10_000, 8, 64, RotaryEmbedding.Yarn.attentionFactor(8, 1, 0.7), 16, 2, false));
        assertThat(read(root -> set(
                                root,
                                "rope_scaling",
                                "{\"rope_type\": \"yarn\", \"factor\": 8, \"attention_factor\": 1.3, \"mscale\": 1.0}"))
                        .rope()
                        .attentionFactor())
                .isEqualTo(1.3);
    }

    @Test
    @DisplayName("Without rope fields the rotary embedding is plain with base 10,000")
    void defaultsToPlainRope() {
        assertThat(read(root -> root.remove(List.of("rope_theta", "rope_scaling")))
                        .rope())
                .isEqualTo(new RotaryEmbedding.Plain(10_000));
    }

    @Test
    @DisplayName("Absent head_dim and num_key_value_heads have the defaults of transformers")
    void derivesHeads() {
        ModelConfig config = read(root -> root.remove(List.of("head_dim", "num_key_value_heads")));
        assertThat(config.headDim()).isEqualTo(64 / 4);
        assertThat(config.kvHeads()).isEqualTo(4);
    }

    @ParameterizedTest(name = "{0} = {1}")
    @DisplayName("A field that would not be applied is refused as not supported")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "model_type | \"mixtral\"",
                "hidden_act | \"gelu\"",
                "sliding_window | 4096",
                "partial_rotary_factor | 0.5",
                "attention_multiplier | 0.3",
                "quantization_config | {\"quant_method\": \"awq\"}",
                "use_qk_norm | true",
                "layer_types | [\"a\", \"a\", \"a\", \"a\", \"a\", \"a\"]",
                "logit_scale | \"big\""
            })
    void refusesByName(String field, String value) {
        assertRefused(field, root -> set(root, field, value));
    }

    @ParameterizedTest(name = "rope_type {0}")
    @DisplayName("An unsupported rotary scaling is refused in both spellings")
    @ValueSource(strings = {"dynamic", "longrope", "proportional", "su", "mrope"})
    void refusesOtherScalings(String type) {
        assertRefused(
                "rope_type = " + type,
                root -> set(root, "rope_scaling", "{\"type\": \"" + type + "\", \"factor\": 4}"));
        assertRefused(
                "rope_type = " + type,
                root -> set(root, "rope_parameters", "{\"rope_type\": \"" + type + "\", \"factor\": 4}"));
    }

    @Test
    @DisplayName("A rope parameter that would not be applied is refused by name")
    void refusesUnknownRopeFields() {
        assertRefused(
                "partial_rotary_factor",
                root -> set(
                        root,
                        "rope_parameters",
                        "{\"rope_type\": \"default\", \"rope_theta\": 10000.0, \"partial_rotary_factor\": 0.5}"));
        assertRefused(
                "mrope_section",
                root -> set(root, "rope_scaling", "{\"type\": \"default\", \"mrope_section\": [2, 3, 3]}"));
    }

    @Test
    @DisplayName("Unknown fields are accepted if they are null, false, 0 or empty")
    void acceptsInactiveFields() {
        ModelConfig plain = read(root -> {});
        assertThat(read(root -> root.putNull("sliding_window")
                        .put("use_qk_norm", false)
                        .put("residual_scale", 0)
                        .set("layer_map", root.objectNode())))
                .isEqualTo(plain);
    }

    @ParameterizedTest(name = "{0} = {1}")
    @DisplayName("An impossible value is refused as broken, with the name of the field")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "num_hidden_layers | 0", "num_hidden_layers | null", "hidden_size | -64", "hidden_size | \"64\"",
                        "vocab_size | 1.5",
                "vocab_size | 99999999999", "num_key_value_heads | 3", "rms_norm_eps | 0", "rope_theta | \"x\"",
                        "attention_bias | 1",
                "tie_word_embeddings | \"yes\"", "rope_scaling | 8", "eos_token_id | \"</s>\"", "eos_token_id | null"
            })
    void refusesImpossibleValues(String field, String value) {
        Folders.edit(folder.resolve("config.json"), root -> set(root, field, value));
        InvalidModelException refused =
                catchThrowableOfType(InvalidModelException.class, () -> ModelConfig.read(folder));
        assertThat(refused).hasMessageContaining(field).hasMessageContaining("config.json");
        assertThat(refused.isUnsupported()).isFalse();
    }

    @Test
    @DisplayName("llama3 scaling with a missing number is refused")
    void refusesIncompleteScaling() {
        Folders.edit(
                folder.resolve("config.json"),
                root -> set(root, "rope_scaling", "{\"rope_type\": \"llama3\", \"factor\": 8}"));
        assertThatThrownBy(() -> ModelConfig.read(folder))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("low_freq_factor");
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("A missing file, or one that is not a JSON object, is refused by its path")
    @ValueSource(strings = {"", "{", "[]", "null", "(missing)"})
    void refusesOtherFiles(String content) throws IOException {
        Path file = folder.resolve("config.json");
        Files.delete(file);
        if (!content.equals("(missing)")) {
            Files.writeString(file, content);
        }
        InvalidModelException refused =
                catchThrowableOfType(InvalidModelException.class, () -> ModelConfig.read(folder));
        assertThat(refused).hasMessageContaining(file.toString());
        assertThat(refused.isUnsupported()).isFalse();
    }

    @Test
    @DisplayName("End-of-sequence tokens are read from generation_config.json, else from config.json")
    void readsEndOfSequence() throws IOException {
        assertThat(read(root -> root.put("eos_token_id", 7)).endOfSequence()).isEqualTo(Set.of(7));
        assertThat(read(root -> set(root, "eos_token_id", "[7, 9]")).endOfSequence())
                .isEqualTo(Set.of(7, 9));
        Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": [2, 11]}");
        assertThat(read(root -> {}).endOfSequence()).isEqualTo(Set.of(2, 11));
    }

    private ModelConfig read(Consumer<ObjectNode> change) {
        Folders.edit(folder.resolve("config.json"), change);
        return ModelConfig.read(folder);
    }

    private void assertRefused(String named, Consumer<ObjectNode> change) {
        Path config = folder.resolve("config.json");
        Path copy = Folders.copyOfModel("llama-gqa", temp.resolve("refused"));
        Folders.edit(copy.resolve(config.getFileName()), change);
        InvalidModelException refused = catchThrowableOfType(InvalidModelException.class, () -> ModelConfig.read(copy));
        assertThat(refused).as("refused for %s", named).hasMessageContaining(named);
        assertThat(refused.isUnsupported()).isTrue();
    }

    private static ObjectNode set(ObjectNode root, String field, String json) {
        try {
            root.set(field, new ObjectMapper().readTree(json));
            return root;
        } catch (IOException e) {
            throw new IllegalArgumentException(e);
        }
    }
}
