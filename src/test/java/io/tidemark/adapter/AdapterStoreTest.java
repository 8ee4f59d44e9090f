package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.fixture.FixtureModel;
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
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("an adapter")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AdapterStoreTest {

    private static final String FAMILY = "llama-gqa";
    private static final String CONFIG = "adapter_config.json";
    private static final String WEIGHTS = "adapter_model.safetensors";
    private static final String A = "base_model.model.model.layers.2.self_attn.v_proj.lora_A.weight";
    private static final String B = "base_model.model.model.layers.2.self_attn.v_proj.lora_B.weight";

    @TempDir
    private Path temp;
    private FixtureModel fixture;
    private int copies;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load(FAMILY);
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("has the SHA-256 of its config's bytes, then its weights' bytes, as digest")
    void digests() throws Exception {
        Path folder = copy();
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        sha.update(Files.readAllBytes(folder.resolve(CONFIG)));
        sha.update(Files.readAllBytes(folder.resolve(WEIGHTS)));
        String expected = HexFormat.of().formatHex(sha.digest());
        try (AdapterStore store = new AdapterStore(fixture.model())) {
            assertThat(store.load("one", folder).digest()).isEqualTo(expected).isEqualTo(AdapterDigest.of(folder));
        }
        TensorFile.read(folder.resolve(WEIGHTS)).withValue(A, 3, 0.25f).write(folder.resolve(WEIGHTS));
        assertThat(AdapterDigest.of(folder)).isNotEqualTo(expected);
    }

    @Test
    @DisplayName("is found by its id, once")
    void isFoundById() {
        try (AdapterStore store = new AdapterStore(fixture.model())) {
            LoadedAdapter loaded = store.load("b", copy());
            store.load("a", Folders.adapter(FAMILY, "all"));
            assertThat(store.ids()).containsExactly("a", "b");
            assertThat(store.find("b")).containsSame(loaded);
            assertThat(store.find("c")).isEmpty();
            assertThatThrownBy(() -> store.load("b", copy())).isInstanceOf(AdapterRefused.class).hasMessageContaining("'b'");
            assertThat(store.find("b")).containsSame(loaded);
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("cannot take the base model's name or an empty one")
    @ValueSource(strings = {FAMILY, "", " "})
    void keepsTheBaseModelsName(String id) {
        try (AdapterStore store = new AdapterStore(fixture.model())) {
            assertThatThrownBy(() -> store.load(id, copy())).isInstanceOf(AdapterRefused.class).hasMessageContaining("'" + id + "'");
            assertThat(store.ids()).isEmpty();
        }
    }

    @Test
    @DisplayName("is refused with the tensor's name when one is dropped, renamed, reshaped, extra or not finite")
    void namesTheTensor() {
        assertRefused(A, weights -> weights.without(A));
        assertRefused(B, weights -> weights.without(B));
        assertRefused(A, weights -> weights.renamed(A, A.replace("v_proj", "w_proj")));
        assertRefused("layers.2.self_attn.w_proj", weights -> weights.with(A.replace("v_proj", "w_proj"), weights.tensors().get(A)));
        assertRefused("layers.6.self_attn.v_proj", weights -> weights.with(A.replace("layers.2", "layers.6"), weights.tensors().get(A)));
        assertRefused("layers.2.self_attn.k_proj", weights -> weights.with(A.replace("v_proj", "k_proj"), weights.tensors().get(A)));
        assertRefused("lora_magnitude_vector", weights -> weights.with(A.replace("lora_A", "lora_magnitude_vector"), Tensor.floats(new long[] {1}, 1)));
        assertRefused("v_proj.bias", weights -> weights.with("base_model.model.model.layers.2.self_attn.v_proj.bias", Tensor.floats(new long[] {1}, 1)));
        assertRefused("lm_head", weights -> weights.with("base_model.model.lm_head.weight", Tensor.floats(new long[] {1}, 1)));
        assertRefused(B, weights -> weights.reshaped(B, weights.tensors().get(B).shape()[1], weights.tensors().get(B).shape()[0]));
        assertRefused(A, weights -> weights.reshaped(A, 1, weights.tensors().get(A).bytes().length / 4));
        assertRefused(A, weights -> weights.withValue(A, 5, Float.NaN));
        assertRefused(B, weights -> weights.withValue(B, 5, Float.POSITIVE_INFINITY));
    }

    @ParameterizedTest(name = "{0} = {1}")
    @DisplayName("is refused as not supported, by the option's name, when an option would not be applied")
    @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
            "modules_to_save | [\"mlp\"]",
            "modules_to_save | [\"lm_head\", \"q_proj\"]", "modules_to_save | [\"layers.2\"]", "bias | \"all\"", "bias | \"lora_only\"",
            "fan_in_fan_out | true", "init_lora_weights | \"pissa\"", "init_lora_weights | \"pissa_niter_16\"",
            "init_lora_weights | \"olora\"", "init_lora_weights | \"loftq\"", "init_lora_weights | \"lora_ga\"",
            "target_parameters | [\"experts\"]",
            "layer_replication | [[0, 4], [2, 5]]", "trainable_token_indices | [1]", "alora_invocation_tokens | [5]",
            "peft_type | \"IA3\"", "use_qalora | true", "corda_config | {\"beta\": 2}", "from_the_future | 3"})
    void namesTheOption(String option, String value) {
        Path folder = copy();
        set(folder, option, value);
        AdapterRefused refused = refusal(folder);
        assertThat(refused).hasMessageContaining(option).hasMessageContaining(CONFIG);
        assertThat(refused.isUnsupported()).isTrue();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("is refused as not supported where lora_bias meets what PEFT knows no bias for: an embedding, and DoRA")
    @ValueSource(strings = {"embeddings", "dora"})
    void refusesBiasesThatPeftHasNot(String adapter) {
        Path folder = Folders.copyOfAdapter(FAMILY, adapter, temp.resolve("copy" + copies++));
        set(folder, "lora_bias", "true");
        AdapterRefused refused = refusal(folder);
        assertThat(refused).hasMessageContaining("lora_bias").hasMessageContaining("PEFT").hasMessageContaining(CONFIG);
        assertThat(refused.isUnsupported()).isTrue();
    }

    @ParameterizedTest(name = "{0} = {1}")
    @DisplayName("is refused as broken, by the option's name, when an option's value cannot be")
    @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
            "r | 0", "r | \"8\"", "r | null", "lora_alpha | -1", "target_modules | null", "target_modules | \"(q_proj\"",
            "target_modules | [\"proj\"]", "modules_to_save | \"lm_head\"",
            "rank_pattern | {\"q_proj\": 0}", "rank_pattern | {\"(\": 2}", "layers_to_transform | [\"one\"]", "layers_to_transform | []"})
    void refusesImpossibleValues(String option, String value) {
        Path folder = copy();
        set(folder, option, value);
        AdapterRefused refused = refusal(folder);
        assertThat(refused).hasMessageContaining(option).hasMessageContaining(CONFIG);
        assertThat(refused.isUnsupported()).isFalse();
    }

    @ParameterizedTest(name = "{0} = {1}")
    @DisplayName("loads with options that say how it was trained, or that are off")
    @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
            "lora_dropout | 0.3", "init_lora_weights | false", "init_lora_weights | \"gaussian\"", "init_lora_weights | \"eva\"", "eva_config | {\"rho\": 2}",
            "init_lora_weights | \"orthogonal\"", "from_the_future | null", "from_the_future | false", "from_the_future | []",
            "modules_to_save | []", "task_type | \"SEQ_2_SEQ_LM\"", "bias | \"none\""})
    void loadsWithInertOptions(String option, String value) {
        Path folder = copy();
        set(folder, option, value);
        try (AdapterStore store = new AdapterStore(fixture.model())) {
            assertThat(store.load("one", folder).id()).isEqualTo("one");
        }
    }

    @Test
    @DisplayName("with one tensor under two spellings is refused, since one of them would not be used")
    void refusesTwoSpellings() {
        Path folder = copy();
        TensorFile weights = TensorFile.read(folder.resolve(WEIGHTS));
        String name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
        weights.with(name.replace(".weight", ".default.weight"), weights.tensors().get(name)).write(folder.resolve(WEIGHTS));
        assertThat(refusal(folder)).hasMessageContaining("twice");
    }

    @Test
    @DisplayName("saved from a live state dict, with the adapter's name in its tensors, loads too")
    void loadsDefaultNames() {
        Path folder = copy();
        TensorFile weights = TensorFile.read(folder.resolve(WEIGHTS));
        List.copyOf(weights.tensors().keySet()).forEach(name -> weights.renamed(name, name.replace(".weight", ".default.weight")));
        weights.write(folder.resolve(WEIGHTS));
        try (AdapterStore store = new AdapterStore(fixture.model())) {
            assertThat(store.load("one", folder)).isNotNull();
        }
    }

    @Test
    @DisplayName("whose folder lacks a file, or holds a broken one, is refused with the file's name")
    void namesTheFile() throws IOException {
        for (String name : List.of(CONFIG, WEIGHTS)) {
            Path folder = copy();
            Files.writeString(folder.resolve(name), "not what it should be");
            assertThat(refusal(folder)).hasMessageContaining(folder.resolve(name).toString());
            Files.delete(folder.resolve(name));
            assertThat(refusal(folder)).hasMessageContaining(folder.resolve(name).toString()).hasMessageContaining("missing");
        }
    }

    private void assertRefused(String named, UnaryOperator<TensorFile> change) {
        Path folder = copy();
        change.apply(TensorFile.read(folder.resolve(WEIGHTS))).write(folder.resolve(WEIGHTS));
        assertThat(refusal(folder)).hasMessageContaining(named).hasMessageContaining(folder.toString());
    }

    private AdapterRefused refusal(Path folder) {
        try (AdapterStore store = new AdapterStore(fixture.model())) {
            AdapterRefused refused = catchThrowableOfType(AdapterRefused.class, () -> store.load("one", folder));
            assertThat(refused).as("refusal of %s", folder).isNotNull();
            assertThat(store.ids()).isEmpty();
            return refused;
        }
    }

    private static void set(Path folder, String option, String json) {
        Folders.edit(folder.resolve(CONFIG), root -> {
            try {
                root.set(option, new ObjectMapper().readTree(json));
            } catch (IOException e) {
                throw new IllegalArgumentException(e);
            }
        });
    }

    private Path copy() {
        return Folders.copyOfAdapter(FAMILY, "qv", temp.resolve("copy-" + copies++));
    }
}
