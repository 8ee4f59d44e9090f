package io.tidemark.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import io.tidemark.fixture.TensorFile.Tensor;
import io.tidemark.model.InvalidModelException;
import io.tidemark.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Weights of a model")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ModelWeightsTest {

    private static final String UP = "model.layers.3.mlp.up_proj.weight";
    private static final String SINGLE = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";

    @TempDir
    private Path temp;

    private Torch torch;
    private int copies;

    @BeforeAll
    void open() {
        torch = Torch.open(FixtureModel.OPTIONS);
    }

    @AfterAll
    void close() {
        torch.close();
    }

    @Test
    @DisplayName("A missing, renamed, reshaped, additional or not finite tensor is refused by name")
    void namesTheTensor() {
        assertRefused(UP, weights -> weights.without(UP));
        assertRefused(UP, weights -> weights.renamed(UP, UP + ".default"));
        assertRefused(UP, weights -> weights.reshaped(UP, 64, 112));
        assertRefused(
                "model.layers.6.mlp.up_proj.weight",
                weights -> weights.with("model.layers.6.mlp.up_proj.weight", Tensor.floats(new long[] {1}, 1)));
        assertRefused(
                "model.layers.0.self_attn.q_norm.weight",
                weights -> weights.with("model.layers.0.self_attn.q_norm.weight", Tensor.floats(new long[] {1}, 1)));
        assertRefused(
                "model.layers.0.self_attn.q_proj.bias",
                weights -> weights.with("model.layers.0.self_attn.q_proj.bias", Tensor.floats(new long[] {1}, 1)));
        assertRefused(UP, weights -> weights.withValue(UP, 77, Float.NaN));
        assertRefused("lm_head.weight", weights -> weights.withValue("lm_head.weight", 5, Float.NEGATIVE_INFINITY));
        assertRefused("lm_head.weight", weights -> weights.without("lm_head.weight"));
    }

    @Test
    @DisplayName("Rotary frequencies and a copy of a tied head, as in old checkpoints, are accepted")
    void acceptsTensorsOfOldCheckpoints() {
        Path folder = copy("llama3-rope-tied");
        TensorFile weights = TensorFile.read(folder.resolve(SINGLE));
        weights.with("model.layers.0.self_attn.rotary_emb.inv_freq", Tensor.floats(new long[] {1}, 1))
                .with("lm_head.weight", weights.tensors().get("model.embed_tokens.weight"))
                .write(folder.resolve(SINGLE));
        assertThat(logits(folder)).containsExactly(logits(Folders.model("llama3-rope-tied")));
    }

    @Test
    @DisplayName("A stored tied head that differs from the embedding is refused")
    void refusesAnotherHead() {
        Path folder = copy("llama3-rope-tied");
        TensorFile weights = TensorFile.read(folder.resolve(SINGLE));
        Tensor embedding = weights.tensors().get("model.embed_tokens.weight");
        weights.with(
                        "lm_head.weight",
                        new Tensor(embedding.dtype(), embedding.shape(), new byte[embedding.bytes().length]))
                .write(folder.resolve(SINGLE));
        assertNamed("lm_head.weight", folder);
    }

    @Test
    @DisplayName("Shards with an index compute the same as one file")
    void readsShards() throws IOException {
        Path folder = sharded(root -> {});
        assertThat(folder.resolve(SINGLE)).doesNotExist();
        assertThat(logits(folder)).containsExactly(logits(Folders.model("llama-gqa")));
    }

    @Test
    @DisplayName("An index that does not match its shards is refused")
    void refusesAnIndexThatDoesNotMatch() throws IOException {
        assertShardsRefused(
                "absent.weight",
                root -> root.withObject("/weight_map").put("absent.weight", "model-1-of-2.safetensors"));
        assertShardsRefused(UP, root -> root.withObject("/weight_map").remove(UP));
        assertShardsRefused(
                "lm_head.weight",
                root -> root.withObject("/weight_map").put("lm_head.weight", "model-2-of-2.safetensors"));
        assertShardsRefused(
                "model-3-of-3.safetensors",
                root -> root.withObject("/weight_map").put("absent.weight", "model-3-of-3.safetensors"));
        assertShardsRefused("weight_map", root -> root.putObject("weight_map"));
        assertShardsRefused("weight_map", root -> root.put("weight_map", "model-1-of-2.safetensors"));
    }

    @Test
    @DisplayName("Shards outside the model folder are refused")
    void refusesShardsOutsideTheFolder() throws IOException {
        for (String trick : List.of(
                "../x.safetensors",
                "/tmp/x.safetensors",
                "sub/x.safetensors",
                "..",
                "..\\x.safetensors",
                "x.safetensors/..")) {
            Files.copy(
                    Folders.model("llama-gqa").resolve(SINGLE),
                    temp.resolve("x.safetensors"),
                    StandardCopyOption.REPLACE_EXISTING);
            assertShardsRefused(trick, root -> root.withObject("/weight_map").put("lm_head.weight", trick));
        }
    }

    @Test
    @DisplayName("Missing weights are refused with the names of the possible files")
    void refusesNoWeights() throws IOException {
        Path folder = copy("llama-gqa");
        Files.delete(folder.resolve(SINGLE));
        assertThatThrownBy(() -> LanguageModel.load(folder, "base", torch, FixtureModel.FP32))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining(SINGLE)
                .hasMessageContaining(INDEX);
    }

    @Test
    @DisplayName("Weights in half precision compute the same as their float32 copies")
    void readsHalfPrecision() {
        Path half = copy("llama-gqa");
        Path widened = copy("llama-gqa");
        TensorFile halves = TensorFile.read(half.resolve(SINGLE));
        TensorFile floats = TensorFile.read(half.resolve(SINGLE));
        for (String name : List.copyOf(halves.tensors().keySet())) {
            // bfloat16 is the upper half of a float32.
            byte[] all = halves.tensors().get(name).bytes();
            byte[] upper = new byte[all.length / 2];
            byte[] cut = new byte[all.length];
            for (int i = 0; i < all.length; i += 4) {
                upper[i / 2] = cut[i + 2] = all[i + 2];
                upper[i / 2 + 1] = cut[i + 3] = all[i + 3];
            }
            long[] shape = halves.tensors().get(name).shape();
            halves.with(name, new Tensor("BF16", shape, upper));
            floats.with(name, new Tensor("F32", shape, cut));
        }
        halves.write(half.resolve(SINGLE));
        floats.write(widened.resolve(SINGLE));
        assertThat(logits(half)).containsExactly(logits(widened));
    }

    private void assertRefused(String named, UnaryOperator<TensorFile> change) {
        Path folder = copy("llama-gqa");
        change.apply(TensorFile.read(folder.resolve(SINGLE))).write(folder.resolve(SINGLE));
        assertNamed(named, folder);
    }

    private void assertShardsRefused(String named, Consumer<ObjectNode> change) throws IOException {
        assertNamed(named, sharded(change));
    }

    private void assertNamed(String named, Path folder) {
        assertThatThrownBy(() -> LanguageModel.load(folder, "base", torch, FixtureModel.FP32))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining(named)
                .hasMessageContaining(folder.toString());
    }

    /** A copy with the tensors in two shards. */
    private Path sharded(Consumer<ObjectNode> change) throws IOException {
        Path folder = copy("llama-gqa");
        Files.writeString(folder.resolve(INDEX), "{\"metadata\": {}, \"weight_map\": {}}");
        TensorFile first = TensorFile.read(folder.resolve(SINGLE));
        TensorFile second = new TensorFile();
        for (String name : List.copyOf(first.tensors().keySet())) {
            boolean moved = name.contains("layers.3") || name.contains("layers.4");
            if (moved) {
                second.with(name, first.tensors().remove(name));
            }
            Folders.edit(
                    folder.resolve(INDEX),
                    root -> root.withObject("/weight_map")
                            .put(name, moved ? "model-2-of-2.safetensors" : "model-1-of-2.safetensors"));
        }
        first.write(folder.resolve("model-1-of-2.safetensors"));
        second.write(folder.resolve("model-2-of-2.safetensors"));
        Files.delete(folder.resolve(SINGLE));
        Folders.edit(folder.resolve(INDEX), change);
        return folder;
    }

    private Path copy(String family) {
        return Folders.copyOfModel(family, temp.resolve("copy-" + copies++));
    }

    private float[] logits(Path folder) {
        try (LanguageModel model = LanguageModel.load(folder, "base", torch, FixtureModel.FP32);
                KvPool pool = new KvPool(model.decoder().kvCache(), Long.MAX_VALUE)) {
            return model.decoder()
                    .logits(List.of(new StepRow(
                            pool.reserve(9).orElseThrow(),
                            List.of(5, 6, 7, 300),
                            0,
                            Optional.empty(),
                            new Boundary(0),
                            Optional.of(TokenSampling.greedy()))))
                    .get(0);
        }
    }
}
