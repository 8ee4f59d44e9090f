package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("stacks of adapters")
class LoraStacksTest {

    private static final List<String> KINDS = List.of("all", "qv", "patterns", "some-layers");
    /** int8's; another adapter's row is off by more than 1. */
    private static final double ERROR = 0.15;

    private static Torch torch;
    private AdapterBatch exact;
    private AdapterBatch stacked;

    @BeforeAll
    static void open() {
        torch = Torch.open(FixtureModel.OPTIONS);
    }

    @AfterAll
    static void close() {
        torch.close();
    }

    @BeforeEach
    void load() {
        exact = new AdapterBatch(torch, ModelOptions.DEFAULT);
        stacked = new AdapterBatch(torch, new ModelOptions(ComputeType.INT8));
    }

    @AfterEach
    void free() {
        stacked.close();
        exact.close();
    }

    @Test
    @Timeout(60)
    @DisplayName("give each row its own adapter: on its own, while three stacks are built beside it, and in them")
    void severalStacks() {
        List<String> adapters = adapters(0, 20);
        List<float[]> wanted = exact.logits(adapters);
        List<float[]> first = stacked.logits(adapters);
        List<float[]> last = first;
        for (int step = 0; step < 8 || stacked.isStackingAdapters(); step++) {
            last = stacked.logits(adapters);
            assertThat(AdapterBatch.relativeError(last, wanted)).as("step " + step).isBetween(1e-5, ERROR);
        }
        assertThat(AdapterBatch.relativeError(last, first)).as("what stacks change").isBetween(1e-5, ERROR);
    }

    @Test
    @DisplayName("give each row its own adapter while others come and go")
    void changingCompany() {
        Random random = new Random(3);
        for (int step = 0; step < 200; step++) {
            List<String> adapters = adapters(step / 40, 1 + random.nextInt(14));
            assertThat(AdapterBatch.relativeError(stacked.logits(adapters), exact.logits(adapters))).as("step " + step).isBetween(1e-5, ERROR);
        }
    }

    @Test
    @Timeout(60)
    @DisplayName("joined with the base's weights give each row the numbers of the stack to the bit, with few rows of it and with many")
    void joined() {
        List<String> adapters = adapters(0, 8);
        List<float[]> apart = afterSteps(stacked, adapters);
        try (AdapterBatch never = new AdapterBatch(torch, new ModelOptions(ComputeType.INT8, false, 0))) {
            List<float[]> same = afterSteps(never, adapters);
            assertThat(stacked.hasJoinedStack()).isTrue();
            assertThat(never.hasJoinedStack()).isFalse();
            assertThat(AdapterBatch.relativeError(apart, same)).isZero();
        }
        List<String> others = adapters(4, 3);
        assertThat(AdapterBatch.relativeError(afterSteps(stacked, others), exact.logits(others))).isBetween(1e-5, ERROR);
    }

    private static List<float[]> afterSteps(AdapterBatch batch, List<String> adapters) {
        List<float[]> last = batch.logits(adapters);
        for (int step = 0; step < 50 || batch.isStackingAdapters(); step++) {
            last = batch.logits(adapters);
        }
        return last;
    }

    /** So many neighbouring ones of 28 adapters, of four kinds in turn. */
    private static List<String> adapters(int first, int count) {
        return new ArrayList<>(IntStream.range(first, first + count).map(i -> i % 28).mapToObj(i -> KINDS.get(i % 4) + ":" + i).toList());
    }
}
