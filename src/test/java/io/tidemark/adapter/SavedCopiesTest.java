package io.tidemark.adapter;

import static io.tidemark.adapter.CopiedAdapters.WEIGHTS;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import io.tidemark.fixture.TensorFile.Tensor;
import io.tidemark.model.ModelOptions;
import io.tidemark.verification.Verdicts;
import io.tidemark.verification.Verification;
import io.tidemark.torch.Torch;
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

@DisplayName("a saved embedding or head that PEFT was told to write with the base's (save_embedding_layers)")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SavedCopiesTest {

    private static final String EMBEDDING = Saved.EMBEDDING;
    private static final String HEAD = Saved.HEAD;

    private final Map<String, CopiedAdapters> adapters = new HashMap<>();

    @BeforeAll
    void load(@TempDir Path temp) {
        for (Saved saved : Saved.values()) {
            adapters.computeIfAbsent(saved.family(), family -> new CopiedAdapters(temp.resolve(family), family));
        }
    }

    @AfterAll
    void close() {
        adapters.values().forEach(CopiedAdapters::close);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("changes nothing with its copies: the adapter computes what PEFT computes")
    void copiesChangeNothing(Saved saved) {
        try (Torch torch = Torch.open(FixtureModel.OPTIONS)) {
            Verification verification = new Verification(torch, ModelOptions.DEFAULT, verdict -> {});
            Verdicts verdicts = verification.one(Folders.model(saved.family()), folder(saved, weights -> {}));
            assertThat(verdicts.all())
                    .singleElement()
                    .satisfies(verdict -> assertThat(verdict.line()).startsWith("ok"));
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("loads without any one of its copies")
    void copiesMayBeLeftOut(Saved saved) {
        saved.copies().forEach(copy -> assertLoads(saved, weights -> weights.without(copy)));
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("is refused by the copy's name when a number of the copy is another, for PEFT would leave it unused")
    void refusesAnotherCopy(Saved saved) {
        for (String module : saved.modules()) {
            AdapterRefused refused = refusal(saved, weights -> weights.withValue(Saved.again(module), 7, 0.5f));
            assertThat(refused).hasMessageContaining(Saved.again(module) + " differs from " + Saved.loaded(module));
            assertThat(refused.isUnsupported()).isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("is refused as not supported, by the tensor's name, when the base behind it is not this one")
    void refusesAnotherBase(Saved saved) {
        for (String module : saved.modules()) {
            AdapterRefused refused = refusal(saved, weights -> weights.withValue(Saved.original(module), 7, 0.5f));
            assertThat(refused).hasMessageContaining(Saved.original(module) + ", which is not the base's");
            assertThat(refused.isUnsupported()).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("is refused when a copy has another shape or values that are not finite")
    void refusesBrokenCopies(Saved saved) {
        saved.copies().forEach(copy -> {
            assertThat(refusal(
                            saved,
                            weights -> weights.reshaped(
                                    copy, weights.tensors().get(copy).bytes().length / Float.BYTES)))
                    .hasMessageContaining(copy + " has the shape");
            assertThat(refusal(saved, weights -> weights.withValue(copy, 7, Float.NaN)))
                    .hasMessageContaining(copy + " holds values that are not finite");
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("is missing where only its copies are there: PEFT does not load them")
    void copiesDoNotStandIn(Saved saved) {
        for (String module : saved.modules()) {
            assertThat(refusal(saved, weights -> weights.without(Saved.loaded(module))))
                    .hasMessageContaining(Saved.loaded(module) + " is missing");
        }
    }

    @Test
    @DisplayName("equals a copy of another element type when each value does")
    void comparesValuesAcrossTypes() {
        assertLoads(
                Saved.HEAD_OF_ITS_OWN, weights -> roundLoaded(weights).with(Saved.again(HEAD), upperHalves(weights)));
        assertThat(refusal(Saved.HEAD_OF_ITS_OWN, weights -> weights.with(Saved.again(HEAD), upperHalves(weights))))
                .hasMessageContaining(Saved.again(HEAD) + " differs");
    }

    @Test
    @DisplayName(
            "is refused where embedding and head are saved as one and the file has two: PEFT uses the head's for both")
    void refusesTwoForOne() {
        assertThat(refusal(
                        Saved.TIED_BOTH,
                        weights -> weights.without(Saved.again(EMBEDDING)).withValue(Saved.loaded(EMBEDDING), 7, 0.5f)))
                .hasMessageContaining(Saved.loaded(EMBEDDING) + " differs from " + Saved.loaded(HEAD));
    }

    @ParameterizedTest
    @CsvSource({
        "model.embed_tokens.lora_embedding_B, lm_head.lora_A.weight",
        "model.embed_tokens.lora_embedding_A, lm_head.lora_B.weight"
    })
    @DisplayName("is refused where embedding and head have LoRA as one and the file has two")
    void refusesTwoLoraForOne(String copy, String loaded) {
        CopiedAdapters tied = adapters.get(Saved.TIED_BOTH.family());
        Path folder = tied.copy("both-lora-tied");
        TensorFile weights = TensorFile.read(folder.resolve(WEIGHTS));
        weights.withValue("base_model.model." + copy, 7, 0.5f).write(folder.resolve(WEIGHTS));
        assertThat(tied.refusal(folder)).hasMessageContaining(copy + " differs from base_model.model." + loaded);
    }

    @Test
    @DisplayName("may have copies, and a module that is not saved may not: nothing would use them")
    void refusesCopiesOfOthers() {
        for (String copy : List.of(Saved.again(EMBEDDING), Saved.original(EMBEDDING))) {
            AdapterRefused refused = refusal(
                    Saved.HEAD_OF_ITS_OWN,
                    weights -> weights.with(copy, weights.tensors().get(Saved.original(HEAD))));
            assertThat(refused).hasMessageContaining(copy);
            assertThat(refused.isUnsupported()).isTrue();
        }
    }

    /** A copy of the adapter with the copies that PEFT writes, then changed. */
    private Path folder(Saved saved, Consumer<TensorFile> change) {
        Path folder = adapters.get(saved.family()).copy(saved.adapter());
        TensorFile weights = TensorFile.read(folder.resolve(WEIGHTS));
        saved.addCopies(weights);
        change.accept(weights);
        weights.write(folder.resolve(WEIGHTS));
        return folder;
    }

    private AdapterRefused refusal(Saved saved, Consumer<TensorFile> change) {
        return adapters.get(saved.family()).refusal(folder(saved, change));
    }

    private void assertLoads(Saved saved, Consumer<TensorFile> change) {
        try (AdapterStore store = adapters.get(saved.family()).store()) {
            assertThat(store.load("one", folder(saved, change)).weights().hasOwnParts())
                    .isTrue();
        }
    }

    /** Leaves in the head's values what bfloat16 holds. */
    private static TensorFile roundLoaded(TensorFile weights) {
        ByteBuffer bytes = ByteBuffer.wrap(
                        weights.tensors().get(Saved.loaded(HEAD)).bytes())
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < bytes.limit(); at += Float.BYTES) {
            bytes.putShort(at, (short) 0);
        }
        return weights;
    }

    /** The head in bfloat16, each value cut off. */
    private static Tensor upperHalves(TensorFile weights) {
        Tensor head = weights.tensors().get(Saved.loaded(HEAD));
        ByteBuffer from = ByteBuffer.wrap(head.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer halves = ByteBuffer.allocate(from.limit() / 2).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < from.limit(); at += Float.BYTES) {
            halves.putShort(from.getShort(at + Short.BYTES));
        }
        return new Tensor("BF16", head.shape(), halves.array());
    }
}
