package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The digest of a base model")
class WeightFilesTest {

    private static final String TENSOR = "model.layers.0.self_attn.k_proj.weight";

    @TempDir
    private Path folder;

    private Path weights;
    private String original;

    @BeforeEach
    void copy() throws IOException {
        Path source = Folders.model("llama-gqa");
        Files.copy(source.resolve("config.json"), folder.resolve("config.json"));
        weights = Files.copy(source.resolve("model.safetensors"), folder.resolve("model.safetensors"));
        original = WeightFiles.digest(folder);
    }

    @Test
    @DisplayName("Is SHA-256 in hexadecimal, and the same for shards and for other files in the folder")
    void sameModel() throws IOException {
        assertThat(original).matches("[0-9a-f]{64}").isEqualTo(WeightFiles.digest(Folders.model("llama-gqa")));
        TensorFile rest = TensorFile.read(weights);
        TensorFile.Tensor moved = rest.tensors().get(TENSOR);
        rest.without(TENSOR).write(folder.resolve("model-2.safetensors"));
        new TensorFile().with(TENSOR, moved).write(folder.resolve("model-1.safetensors"));
        StringBuilder index = new StringBuilder("{\"weight_map\": {\"" + TENSOR + "\": \"model-1.safetensors\"");
        rest.tensors().keySet().forEach(name -> index.append(", \"" + name + "\": \"model-2.safetensors\""));
        Files.writeString(folder.resolve("model.safetensors.index.json"), index + "}}");
        Files.delete(weights);
        assertThat(WeightFiles.digest(folder)).isEqualTo(original);
    }

    @Test
    @DisplayName("Differs for another configuration")
    void otherConfig() throws IOException {
        Path config = folder.resolve("config.json");
        Files.writeString(
                config, Files.readString(config).replace("\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 1e-06"));
        assertThat(Files.readString(config)).contains("1e-06");
        assertThat(WeightFiles.digest(folder)).isNotEqualTo(original);
    }

    @Test
    @DisplayName("Differs for a tensor with another name, shape or first value")
    void otherTensors() {
        long[] shape = TensorFile.read(weights).tensors().get(TENSOR).shape();
        TensorFile.read(weights).renamed(TENSOR, "other").write(weights);
        String renamed = WeightFiles.digest(folder);
        TensorFile.read(weights)
                .renamed("other", TENSOR)
                .withValue(TENSOR, 0, 7)
                .write(weights);
        String changed = WeightFiles.digest(folder);
        TensorFile.read(weights).reshaped(TENSOR, shape[1], shape[0]).write(weights);
        String reshaped = WeightFiles.digest(folder);
        assertThat(original).isNotIn(renamed, changed, reshaped);
        assertThat(renamed).isNotIn(changed, reshaped);
        assertThat(changed).isNotEqualTo(reshaped);
    }
}
