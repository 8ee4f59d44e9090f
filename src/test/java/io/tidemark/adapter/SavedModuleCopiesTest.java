package io.tidemark.adapter;

import static io.tidemark.adapter.CopiedAdapters.WEIGHTS;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import io.tidemark.fixture.TensorFile.Tensor;
import io.tidemark.torch.Torch;
import io.tidemark.verification.Verification;
import io.tidemark.verification.VerificationReport;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Copies of a saved embedding or head (save_embedding_layers)")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SavedModuleCopiesTest {

    private static final String EMBEDDING = SavedModuleCase.EMBEDDING;
    private static final String HEAD = SavedModuleCase.HEAD;

    private final Map<String, CopiedAdapters> adapters = new HashMap<>();

    @BeforeAll
    void load(@TempDir Path temp) {
        for (SavedModuleCase saved : SavedModuleCase.values()) {
            adapters.computeIfAbsent(saved.family(), family -> new CopiedAdapters(temp.resolve(family), family));
        }
    }

    @AfterAll
    void close() {
        adapters.values().forEach(CopiedAdapters::close);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Copies do not change the result, which is that of PEFT")
    void copiesChangeNothing(SavedModuleCase saved) {
        try (Torch torch = Torch.open(FixtureModel.OPTIONS)) {
            Verification verification = new Verification(torch, FixtureModel.FP32, verdict -> {});
            VerificationReport report = verification.one(Folders.model(saved.family()), folder(saved, weights -> {}));
            assertThat(report.verdicts())
                    .singleElement()
                    .satisfies(verdict -> assertThat(verdict.line()).startsWith("ok"));
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Each copy is optional")
    void copiesAreOptional(SavedModuleCase saved) {
        saved.copies().forEach(copy -> assertLoads(saved, weights -> weights.without(copy)));
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("A copy with another value is refused by name, since PEFT would not use it")
    void refusesAnotherCopy(SavedModuleCase saved) {
        for (String module : saved.modules()) {
            InvalidAdapterException refused =
                    refusal(saved, weights -> weights.withValue(SavedModuleCase.again(module), 7, 0.5f));
            assertThat(refused)
                    .hasMessageContaining(
                            SavedModuleCase.again(module) + " differs from " + SavedModuleCase.loaded(module));
            assertThat(refused.isUnsupported()).isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("A copy of another base model's tensor is refused by name as not supported")
    void refusesAnotherBase(SavedModuleCase saved) {
        for (String module : saved.modules()) {
            InvalidAdapterException refused =
                    refusal(saved, weights -> weights.withValue(SavedModuleCase.original(module), 7, 0.5f));
            assertThat(refused)
                    .hasMessageContaining(SavedModuleCase.original(module) + ", which differs from the base model's");
            assertThat(refused.isUnsupported()).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("A copy with another shape or values that are not finite is refused")
    void refusesBrokenCopies(SavedModuleCase saved) {
        saved.copies().forEach(copy -> {
            assertThat(refusal(
                            saved,
                            weights -> weights.reshaped(
                                    copy, weights.tensors().get(copy).bytes().length / Float.BYTES)))
                    .hasMessageContaining(copy + " has the shape");
            assertThat(refusal(saved, weights -> weights.withValue(copy, 7, Float.NaN)))
                    .hasMessageContaining(copy + " has values that are not finite");
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Copies do not replace a missing tensor: PEFT does not load them")
    void copiesDoNotReplace(SavedModuleCase saved) {
        for (String module : saved.modules()) {
            assertThat(refusal(saved, weights -> weights.without(SavedModuleCase.loaded(module))))
                    .hasMessageContaining(SavedModuleCase.loaded(module) + " is missing");
        }
    }

    @Test
    @DisplayName("A copy of another element type is accepted if its values are equal")
    void comparesValuesAcrossTypes() {
        assertLoads(
                SavedModuleCase.UNTIED_HEAD,
                weights -> roundLoaded(weights).with(SavedModuleCase.again(HEAD), upperHalves(weights)));
        assertThat(refusal(
                        SavedModuleCase.UNTIED_HEAD,
                        weights -> weights.with(SavedModuleCase.again(HEAD), upperHalves(weights))))
                .hasMessageContaining(SavedModuleCase.again(HEAD) + " differs");
    }

    @Test
    @DisplayName("Different tensors for tied embedding and head are refused: PEFT uses the head for both")
    void refusesTwoForOne() {
        assertThat(refusal(
                        SavedModuleCase.TIED_BOTH,
                        weights -> weights.without(SavedModuleCase.again(EMBEDDING))
                                .withValue(SavedModuleCase.loaded(EMBEDDING), 7, 0.5f)))
                .hasMessageContaining(
                        SavedModuleCase.loaded(EMBEDDING) + " differs from " + SavedModuleCase.loaded(HEAD));
    }

    @ParameterizedTest
    @CsvSource({
        "model.embed_tokens.lora_embedding_B, lm_head.lora_A.weight",
        "model.embed_tokens.lora_embedding_A, lm_head.lora_B.weight"
    })
    @DisplayName("Different LoRA tensors for tied embedding and head are refused")
    void refusesTwoLoraForOne(String copy, String loaded) {
        CopiedAdapters tied = adapters.get(SavedModuleCase.TIED_BOTH.family());
        Path folder = tied.copy("both-lora-tied");
        TensorFile weights = TensorFile.read(folder.resolve(WEIGHTS));
        weights.withValue("base_model.model." + copy, 7, 0.5f).write(folder.resolve(WEIGHTS));
        assertThat(tied.refusal(folder)).hasMessageContaining(copy + " differs from base_model.model." + loaded);
    }

    @Test
    @DisplayName("Copies of a module that is not saved are refused as unused")
    void refusesCopiesOfOthers() {
        for (String copy : List.of(SavedModuleCase.again(EMBEDDING), SavedModuleCase.original(EMBEDDING))) {
            InvalidAdapterException refused = refusal(
                    SavedModuleCase.UNTIED_HEAD,
                    weights -> weights.with(copy, weights.tensors().get(SavedModuleCase.original(HEAD))));
            assertThat(refused).hasMessageContaining(copy);
            assertThat(refused.isUnsupported()).isTrue();
        }
    }

    /** A copy of the adapter with the additional tensors that PEFT writes, then changed. */
    private Path folder(SavedModuleCase saved, Consumer<TensorFile> change) {
        Path folder = adapters.get(saved.family()).copy(saved.adapter());
        TensorFile weights = TensorFile.read(folder.resolve(WEIGHTS));
        saved.addCopies(weights);
        change.accept(weights);
        weights.write(folder.resolve(WEIGHTS));
        return folder;
    }

    private InvalidAdapterException refusal(SavedModuleCase saved, Consumer<TensorFile> change) {
        return adapters.get(saved.family()).refusal(folder(saved, change));
    }

    private void assertLoads(SavedModuleCase saved, Consumer<TensorFile> change) {
        try (AdapterStore store = adapters.get(saved.family()).store()) {
            assertThat(store.load("one", folder(saved, change)).weights().hasOverrides())
                    .isTrue();
        }
    }

    /** Truncates the values of the head to bfloat16. */
    private static TensorFile roundLoaded(TensorFile weights) {
        ByteBuffer bytes = ByteBuffer.wrap(
                        weights.tensors().get(SavedModuleCase.loaded(HEAD)).bytes())
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < bytes.limit(); at += Float.BYTES) {
            bytes.putShort(at, (short) 0);
        }
        return weights;
    }

    /** The head as bfloat16, each value truncated. */
    private static Tensor upperHalves(TensorFile weights) {
        Tensor head = weights.tensors().get(SavedModuleCase.loaded(HEAD));
        ByteBuffer from = ByteBuffer.wrap(head.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer halves = ByteBuffer.allocate(from.limit() / 2).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < from.limit(); at += Float.BYTES) {
            halves.putShort(from.getShort(at + Short.BYTES));
        }
        return new Tensor("BF16", head.shape(), halves.array());
    }
}
