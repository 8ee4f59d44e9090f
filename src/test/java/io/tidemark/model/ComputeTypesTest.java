package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("compute types")
class ComputeTypesTest {

    private static final String FAMILY = "llama-gqa";
    private static final List<String> ADAPTERS = List.of("all", "qv", "patterns", "some-layers");

    private static Torch torch;

    @BeforeAll
    static void open() {
        torch = Torch.open(FixtureModel.OPTIONS);
    }

    @AfterAll
    static void close() {
        torch.close();
    }

    @ParameterizedTest
    @CsvSource({"BF16, 0.02", "INT8, 0.08"})
    @DisplayName("give float32's logits within their error, for adapters and boundaries mixed in a batch")
    void followFloat32(ComputeType type, double error) {
        try (Loaded exact = new Loaded(ModelOptions.DEFAULT); Loaded rough = new Loaded(new ModelOptions(type))) {
            assertThat(relativeError(rough.logits(), exact.logits())).isBetween(1e-5, error);
        }
    }

    @Test
    @DisplayName("in int8 do not get worse once adapters that stay together are stacked")
    void stackedAsGrouped() {
        try (Loaded exact = new Loaded(ModelOptions.DEFAULT); Loaded rough = new Loaded(new ModelOptions(ComputeType.INT8))) {
            List<float[]> grouped = rough.logits();
            for (int i = 0; i < 10; i++) {
                rough.logits();
            }
            List<float[]> stacked = rough.logits();
            assertThat(relativeError(stacked, grouped)).as("another way to the same").isBetween(1e-7, 0.1);
            assertThat(relativeError(stacked, exact.logits())).isBetween(1e-5, 0.08);
        }
    }

    @ParameterizedTest
    @CsvSource({"FP32", "BF16", "INT8"})
    @DisplayName("run a step that wants no token, as a piece of a prompt does")
    void wantNothing(ComputeType type) {
        try (Loaded loaded = new Loaded(new ModelOptions(type))) {
            StepRow piece = new StepRow(loaded.pool.reserve(64).orElseThrow(), List.of(5, 6, 7), 0, Optional.empty(), 0, Optional.empty());
            assertThat(loaded.model.decoder().step(List.of(piece))).isEmpty();
        }
    }

    @Test
    @DisplayName("other than int8 are not deterministic, and say so")
    void determinismNeedsInt8() {
        assertThatIllegalArgumentException().isThrownBy(() -> new ModelOptions(ComputeType.BF16, true)).withMessageContaining("int8");
        assertThatIllegalArgumentException().isThrownBy(() -> ComputeType.of("fp8")).withMessageContaining("fp32, bf16, int8");
    }

    /** The largest over the rows of |a - b| / |b|. */
    private static double relativeError(List<float[]> a, List<float[]> b) {
        double largest = 0;
        for (int row = 0; row < a.size(); row++) {
            double difference = 0;
            double size = 0;
            for (int i = 0; i < a.get(row).length; i++) {
                difference += Math.pow(a.get(row)[i] - b.get(row)[i], 2);
                size += Math.pow(b.get(row)[i], 2);
            }
            largest = Math.max(largest, Math.sqrt(difference / size));
        }
        return largest;
    }

    /** A model in one compute type, with adapters, and a batch of rows that repeats from a seed. */
    private static final class Loaded implements AutoCloseable {

        private final LanguageModel model;
        private final AdapterStore store;
        private final KvPool pool;

        Loaded(ModelOptions options) {
            model = LanguageModel.load(Folders.model(FAMILY), FAMILY, torch, options);
            store = new AdapterStore(model);
            pool = new KvPool(model.decoder(), Long.MAX_VALUE);
        }

        LoraWeights adapter(String name) {
            return store.find(name).orElseGet(() -> store.load(name, Folders.adapter(FAMILY, name))).weights();
        }

        /** Of prompts with four adapters at boundaries from 1 to 6, and one without. */
        List<float[]> logits() {
            List<Integer> text = model.tokenizer().encodePrompt("The boundary layer of name[Blue Spice], eatType[coffee shop]. ".repeat(3));
            List<StepRow> rows = new ArrayList<>();
            List<KvSlot> slots = new ArrayList<>();
            for (int i = 0; i <= ADAPTERS.size(); i++) {
                Optional<LoraWeights> lora = i < ADAPTERS.size() ? Optional.of(adapter(ADAPTERS.get(i))) : Optional.empty();
                slots.add(pool.reserve(64).orElseThrow());
                rows.add(new StepRow(slots.get(i), text.subList(i, 10 + 9 * i), 0, lora, 6 - i, Optional.of(TokenRule.GREEDY)));
            }
            List<float[]> logits = model.decoder().logits(rows);
            slots.forEach(pool::release);
            return logits;
        }

        @Override
        public void close() {
            pool.close();
            store.close();
            model.close();
        }
    }
}
