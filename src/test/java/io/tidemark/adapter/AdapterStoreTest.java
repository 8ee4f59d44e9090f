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

@DisplayName("Adapter store")
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
    @DisplayName("The digest is the SHA-256 of the bytes of the config, then of the weights")
    void digests() throws Exception {
        Path folder = adapters.copy();
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        sha.update(Files.readAllBytes(folder.resolve(CONFIG)));
        sha.update(Files.readAllBytes(folder.resolve(WEIGHTS)));
        String expected = HexFormat.of().formatHex(sha.digest());
        try (AdapterStore store = adapters.store()) {
            assertThat(store.load("one", folder).digest()).isEqualTo(expected).isEqualTo(FolderLoader.digest(folder));
        }
        TensorFile.read(folder.resolve(WEIGHTS)).withValue(A, 3, 0.25f).write(folder.resolve(WEIGHTS));
        assertThat(FolderLoader.digest(folder)).isNotEqualTo(expected);
    }

    @Test
    @DisplayName("An adapter is found by its id, and an id can be registered once")
    void isFoundById() {
        try (AdapterStore store = adapters.store()) {
            LoadedAdapter loaded = store.load("b", adapters.copy());
            store.load("a", Folders.adapter(FAMILY, "all"));
            assertThat(store.ids()).containsExactly("a", "b");
            assertThat(store.find("b")).containsSame(loaded);
            assertThat(store.find("c")).isEmpty();
            assertThatThrownBy(() -> store.load("b", adapters.copy()))
                    .isInstanceOf(InvalidAdapterException.class)
                    .hasMessageContaining("'b'");
            assertThat(store.find("b")).containsSame(loaded);
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("The id must not be the base model's name or blank")
    @ValueSource(strings = {FAMILY, "", " "})
    void keepsTheBaseModelsName(String id) {
        try (AdapterStore store = adapters.store()) {
            assertThatThrownBy(() -> store.load(id, adapters.copy()))
                    .isInstanceOf(InvalidAdapterException.class)
                    .hasMessageContaining("'" + id + "'");
            assertThat(store.ids()).isEmpty();
        }
    }

    @Test
    @DisplayName("A missing, renamed, reshaped, additional or not finite tensor is refused by name")
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
    @DisplayName("A tensor under two names is refused, since one of them would not be used")
    void refusesTwoNames() {
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
    @DisplayName("A live state dict, with the adapter's name in the tensor names, is loaded")
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
    @DisplayName("A missing or broken file is refused, and the message names the file")
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
