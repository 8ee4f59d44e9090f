package io.tidemark.adapter;

import static io.tidemark.adapter.CopiedAdapters.CONFIG;
import static io.tidemark.adapter.CopiedAdapters.FAMILY;
import static io.tidemark.adapter.CopiedAdapters.WEIGHTS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import io.tidemark.fixture.TensorFile.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("an adapter")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AdapterStoreTest {

    private static final String A = "base_model.model.model.layers.2.self_attn.v_proj.lora_A.weight";
    private static final String B = "base_model.model.model.layers.2.self_attn.v_proj.lora_B.weight";

    private CopiedAdapters adapters;

    @BeforeAll
    void load(@TempDir Path temp) {
        adapters = new CopiedAdapters(temp);
    }

    @AfterAll
    void close() {
        adapters.close();
    }

    @Test
    @DisplayName("has the SHA-256 of its config's bytes, then its weights' bytes, as digest")
    void digests() throws Exception {
        Path folder = adapters.copy();
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        sha.update(Files.readAllBytes(folder.resolve(CONFIG)));
        sha.update(Files.readAllBytes(folder.resolve(WEIGHTS)));
        String expected = HexFormat.of().formatHex(sha.digest());
        try (AdapterStore store = adapters.store()) {
            assertThat(store.load("one", folder).digest()).isEqualTo(expected).isEqualTo(AdapterDigest.of(folder));
        }
        TensorFile.read(folder.resolve(WEIGHTS)).withValue(A, 3, 0.25f).write(folder.resolve(WEIGHTS));
        assertThat(AdapterDigest.of(folder)).isNotEqualTo(expected);
    }

    @Test
    @DisplayName("is found by its id, once")
    void isFoundById() {
        try (AdapterStore store = adapters.store()) {
            LoadedAdapter loaded = store.load("b", adapters.copy());
            store.load("a", Folders.adapter(FAMILY, "all"));
            assertThat(store.ids()).containsExactly("a", "b");
            assertThat(store.find("b")).containsSame(loaded);
            assertThat(store.find("c")).isEmpty();
            assertThatThrownBy(() -> store.load("b", adapters.copy()))
                    .isInstanceOf(AdapterRefused.class)
                    .hasMessageContaining("'b'");
            assertThat(store.find("b")).containsSame(loaded);
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("cannot take the base model's name or an empty one")
    @ValueSource(strings = {FAMILY, "", " "})
    void keepsTheBaseModelsName(String id) {
        try (AdapterStore store = adapters.store()) {
            assertThatThrownBy(() -> store.load(id, adapters.copy()))
                    .isInstanceOf(AdapterRefused.class)
                    .hasMessageContaining("'" + id + "'");
            assertThat(store.ids()).isEmpty();
        }
    }

    @Test
    @DisplayName("is refused with the tensor's name when one is dropped, renamed, reshaped, extra or not finite")
    void namesTheTensor() {
        assertRefused(A, weights -> weights.without(A));
        assertRefused(B, weights -> weights.without(B));
        assertRefused(A, weights -> weights.renamed(A, A.replace("v_proj", "w_proj")));
        assertRefused(
                "layers.2.self_attn.w_proj",
                weights -> weights.with(
                        A.replace("v_proj", "w_proj"), weights.tensors().get(A)));
        assertRefused(
                "layers.6.self_attn.v_proj",
                weights -> weights.with(
                        A.replace("layers.2", "layers.6"), weights.tensors().get(A)));
        assertRefused(
                "layers.2.self_attn.k_proj",
                weights -> weights.with(
                        A.replace("v_proj", "k_proj"), weights.tensors().get(A)));
        assertRefused(
                "lora_magnitude_vector",
                weights ->
                        weights.with(A.replace("lora_A", "lora_magnitude_vector"), Tensor.floats(new long[] {1}, 1)));
        assertRefused(
                "v_proj.bias",
                weights -> weights.with(
                        "base_model.model.model.layers.2.self_attn.v_proj.bias", Tensor.floats(new long[] {1}, 1)));
        assertRefused(
                "lm_head",
                weights -> weights.with("base_model.model.lm_head.weight", Tensor.floats(new long[] {1}, 1)));
        assertRefused(
                B,
                weights -> weights.reshaped(
                        B,
                        weights.tensors().get(B).shape()[1],
                        weights.tensors().get(B).shape()[0]));
        assertRefused(
                A, weights -> weights.reshaped(A, 1, weights.tensors().get(A).bytes().length / 4));
        assertRefused(A, weights -> weights.withValue(A, 5, Float.NaN));
        assertRefused(B, weights -> weights.withValue(B, 5, Float.POSITIVE_INFINITY));
    }

    @Test
    @DisplayName("with one tensor under two spellings is refused, since one of them would not be used")
    void refusesTwoSpellings() {
        Path folder = adapters.copy();
        TensorFile weights = TensorFile.read(folder.resolve(WEIGHTS));
        String name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
        weights.with(
                        name.replace(".weight", ".default.weight"),
                        weights.tensors().get(name))
                .write(folder.resolve(WEIGHTS));
        assertThat(adapters.refusal(folder)).hasMessageContaining("twice");
    }

    @Test
    @DisplayName("saved from a live state dict, with the adapter's name in its tensors, loads too")
    void loadsDefaultNames() {
        Path folder = adapters.copy();
        TensorFile weights = TensorFile.read(folder.resolve(WEIGHTS));
        List.copyOf(weights.tensors().keySet())
                .forEach(name -> weights.renamed(name, name.replace(".weight", ".default.weight")));
        weights.write(folder.resolve(WEIGHTS));
        try (AdapterStore store = adapters.store()) {
            assertThat(store.load("one", folder)).isNotNull();
        }
    }

    @Test
    @DisplayName("whose folder lacks a file, or holds a broken one, is refused with the file's name")
    void namesTheFile() throws IOException {
        for (String name : List.of(CONFIG, WEIGHTS)) {
            Path folder = adapters.copy();
            Files.writeString(folder.resolve(name), "not what it should be");
            assertThat(adapters.refusal(folder))
                    .hasMessageContaining(folder.resolve(name).toString());
            Files.delete(folder.resolve(name));
            assertThat(adapters.refusal(folder))
                    .hasMessageContaining(folder.resolve(name).toString())
                    .hasMessageContaining("missing");
        }
    }

    private void assertRefused(String named, UnaryOperator<TensorFile> change) {
        Path folder = adapters.copy();
        change.apply(TensorFile.read(folder.resolve(WEIGHTS))).write(folder.resolve(WEIGHTS));
        assertThat(adapters.refusal(folder)).hasMessageContaining(named).hasMessageContaining(folder.toString());
    }
}
