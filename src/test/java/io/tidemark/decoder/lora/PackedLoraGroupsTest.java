package io.tidemark.decoder.lora;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.AdapterBatch;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Packed LoRA groups")
class PackedLoraGroupsTest {

    private static final List<String> KINDS = List.of("all", "qv", "patterns", "some-layers");
    /**
     * The error of int8, which is larger on processors without VNNI: activations have 7 bits there. With another
     * adapter the error is greater than 1.
     */
    private static final double ERROR = 0.2;

    /** Many more steps than fusing a group needs. */
    private static final int MAX_STEPS = 2000;

    /** More steps than before groups are built, and fewer than before one is fused. */
    private static final int STEPS_UNTIL_PACKED = 40;

    private static Torch torch;
    private AdapterBatch exact;
    private AdapterBatch packed;

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
        exact = new AdapterBatch(torch, FixtureModel.FP32);
        packed = new AdapterBatch(torch, new ModelOptions(ComputeType.INT8).with(Kernels.TORCH));
    }

    @AfterEach
    void free() {
        packed.close();
        exact.close();
    }

    @Test
    @Timeout(60)
    @DisplayName(
            "Each row uses its own adapter in separate groups, while shared groups are built, and with the same logits, bit for bit, in shared groups")
    void sharedGroups() {
        List<String> adapters = adapters(0, 70);
        List<float[]> expected = exact.logits(adapters);
        List<float[]> first = packed.logits(adapters);
        List<float[]> last = first;
        for (int step = 0; step < STEPS_UNTIL_PACKED || packed.isPackingAdapters(); step++) {
            last = packed.logits(adapters);
            assertThat(AdapterBatch.relativeError(last, expected))
                    .as("step " + step)
                    .isBetween(1e-5, ERROR);
        }
        assertThat(AdapterBatch.relativeError(last, first))
                .as("change by sharing")
                .isZero();
    }

    @Test
    @Timeout(60)
    @DisplayName("A shared group is built also if prompts make one of the adapters run unpacked in every second step")
    void promptsBetweenSteps() {
        List<String> adapters = List.of("all:0", "qv:1", "qv:1");
        List<float[]> expected = exact.logits(adapters);
        boolean packs = false;
        for (int step = 0; step < STEPS_UNTIL_PACKED || packed.isPackingAdapters(); step++) {
            packed.shortLogits(adapters);
            packs |= packed.isPackingAdapters();
            // the prompts of qv have 19 tokens together
            assertThat(AdapterBatch.relativeError(packed.logits(adapters), expected))
                    .as("step " + step)
                    .isBetween(1e-5, ERROR);
        }
        assertThat(packs).isTrue();
    }

    @Test
    @Timeout(60)
    @DisplayName("Shared groups are expected from the first step in separate groups to the first one in a shared group")
    void expected() {
        packed.shortLogits(List.of("all:0"));
        assertThat(packed.expectsPackedGroups()).as("one row").isFalse();
        List<String> adapters = List.of("all:0", "qv:1");
        boolean isBuilt = false;
        do {
            isBuilt |= packed.isPackingAdapters();
            packed.logits(adapters);
            assertThat(packed.expectsPackedGroups()).isEqualTo(packed.isPackingAdapters() || !isBuilt);
        } while (packed.expectsPackedGroups());
        assertThat(isBuilt).isTrue();
        packed.logits(List.of("qv:1", "dora:0"));
        assertThat(packed.expectsPackedGroups()).as("other adapters").isTrue();
        packed.shortLogits(List.of("qv:1"));
        assertThat(packed.expectsPackedGroups()).as("one row").isFalse();
    }

    @Test
    @DisplayName("Each row uses its own adapter while the adapters of the batch change")
    void changingBatches() {
        Random random = new Random(3);
        for (int step = 0; step < 200; step++) {
            List<String> adapters = adapters(step / 40, 1 + random.nextInt(14));
            assertThat(AdapterBatch.relativeError(packed.logits(adapters), exact.logits(adapters)))
                    .as("step " + step)
                    .isBetween(1e-5, ERROR);
        }
    }

    @Test
    @Timeout(60)
    @DisplayName("Each row uses its own adapter with cached gather indices, and after the layout of the step changes")
    void layoutsInTurn() {
        List<String> together = List.of("all:0", "qv:1", "patterns:2", "some-layers:3");
        for (int step = 0; step < STEPS_UNTIL_PACKED || packed.isPackingAdapters(); step++) {
            packed.shortLogits(together);
        }
        List<List<String>> layouts = List.of(
                together,
                List.of("qv:1", "all:0", "some-layers:3", "patterns:2"),
                List.of("qv:1", "all:0"),
                List.of("qv:1", "all:0", "qv:1", "all:0", "qv:1"),
                List.of("dora:0", "all:0", "qv:1"),
                together);
        for (List<String> layout : layouts) {
            List<float[]> expected = exact.shortLogits(layout);
            for (int step = 0; step < 4; step++) {
                assertThat(AdapterBatch.relativeError(packed.shortLogits(layout), expected))
                        .as(layout + ", step " + step)
                        .isBetween(1e-5, ERROR);
            }
        }
    }

    @ParameterizedTest
    @Timeout(60)
    @ValueSource(
            strings = {
                "all:0",
                "all:0,qv:1",
                "all:0,qv:1,patterns:2,some-layers:3,all:4,qv:5,all:6,all:7",
                "dora:0,lora-bias:1,all:2"
            })
    @DisplayName(
            "A group fused with the base model gives each row its own adapter, in layers with many and with few rows")
    void fusedGroup(String names) {
        List<String> adapters = List.of((names + "," + names).split(","));
        try (AdapterBatch apart =
                new AdapterBatch(torch, new ModelOptions(ComputeType.INT8, false, 0).with(Kernels.TORCH))) {
            List<float[]> alone = apart.shortLogits(adapters);
            List<float[]> expected = alone;
            for (int step = 0; step < STEPS_UNTIL_PACKED || apart.isPackingAdapters(); step++) {
                expected = apart.shortLogits(adapters);
            }
            for (int step = 0; !packed.isFused(adapters); step++) {
                assertThat(step).isLessThan(MAX_STEPS);
                assertThat(AdapterBatch.relativeError(packed.shortLogits(adapters), alone))
                        .isLessThan(ERROR);
            }
            assertThat(AdapterBatch.relativeError(packed.shortLogits(adapters), expected))
                    .isBetween(1e-5, ERROR);
            assertThat(AdapterBatch.relativeError(expected, exact.shortLogits(adapters)))
                    .isBetween(1e-5, 2 * ERROR);
            assertThat(apart.isFused(adapters)).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"all:0", "qv:1", "patterns:2", "some-layers:3", "dora:4", "lora-bias:5"})
    @DisplayName("A row alone in its step uses its own group and has the same logits, bit for bit, whatever ran before")
    void alone(String adapter) {
        List<float[]> first = packed.shortLogits(List.of(adapter));
        assertThat(AdapterBatch.relativeError(first, exact.shortLogits(List.of(adapter))))
                .isBetween(1e-5, ERROR);
        for (int step = 0; step < STEPS_UNTIL_PACKED || packed.isPackingAdapters(); step++) {
            packed.shortLogits(List.of(adapter, "all:6", "qv:7"));
        }
        assertThat(packed.shortLogits(List.of(adapter)).get(0)).isEqualTo(first.get(0));
    }

    @Test
    @Timeout(60)
    @DisplayName("Groups are cached within the limit, so that adapters that ran together before need no building")
    void cachedGroups() {
        List<List<String>> batches =
                List.of(List.of("all:0", "all:0"), adapters(0, 4), adapters(0, 14), adapters(3, 3));
        try (AdapterBatch uncached =
                new AdapterBatch(torch, new ModelOptions(ComputeType.INT8, false, 0).with(Kernels.TORCH))) {
            int first = buildingSteps(packed, batches);
            int firstUncached = buildingSteps(uncached, batches);
            assertThat(first).isPositive();
            assertThat(firstUncached).isPositive();
            assertThat(buildingSteps(packed, batches)).isZero();
            assertThat(buildingSteps(uncached, batches)).isPositive();
        }
    }

    /** Runs each batch until nothing is built for it; returns the number of steps with building. */
    private int buildingSteps(AdapterBatch batch, List<List<String>> batches) {
        int building = 0;
        for (List<String> adapters : batches) {
            for (int quiet = 0; quiet < STEPS_UNTIL_PACKED; quiet++) {
                batch.shortLogits(adapters);
                if (batch.isPackingAdapters()) {
                    building++;
                    quiet = 0;
                }
            }
        }
        return building;
    }

    @Test
    @Timeout(60)
    @DisplayName("The fused group is replaced if other adapters run")
    void fusedGroupIsReplaced() {
        for (List<String> adapters :
                List.of(List.of("all:0", "qv:1"), List.of("patterns:2", "some-layers:3"), List.of("all:0", "qv:1"))) {
            List<float[]> expected = exact.shortLogits(adapters);
            for (int step = 0; !packed.isFused(adapters); step++) {
                assertThat(step).isLessThan(MAX_STEPS);
                assertThat(AdapterBatch.relativeError(packed.shortLogits(adapters), expected))
                        .isBetween(1e-5, ERROR);
            }
            assertThat(AdapterBatch.relativeError(packed.shortLogits(adapters), expected))
                    .isBetween(1e-5, ERROR);
        }
    }

    /** Consecutive ones of 80 adapters, of four kinds in turn. */
    private static List<String> adapters(int first, int count) {
        return new ArrayList<>(IntStream.range(first, first + count)
                .map(i -> i % 80)
                .mapToObj(i -> KINDS.get(i % 4) + ":" + i)
                .toList());
    }
}
