package io.tidemark.decoder.lora;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.AdapterBatch;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.model.ComputeType;
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

@DisplayName("stacks of adapters")
class PackedLoraGroupsTest {

    private static final List<String> KINDS = List.of("all", "qv", "patterns", "some-layers");
    /** int8's; another adapter's row is off by more than 1. */
    private static final double ERROR = 0.15;

    /** By far more than it takes to join a stack. */
    private static final int MOST_STEPS = 2000;

    /** By more than it takes until better stacks are asked for, and less than until one is joined. */
    private static final int STEPS_UNTIL_BEST = 40;

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
    @DisplayName(
            "give each row its own adapter: in a stack of its own, while shared ones are built beside it, and in them bit for bit the same")
    void severalStacks() {
        List<String> adapters = adapters(0, 70);
        List<float[]> wanted = exact.logits(adapters);
        List<float[]> first = stacked.logits(adapters);
        List<float[]> last = first;
        for (int step = 0; step < STEPS_UNTIL_BEST || stacked.isPackingAdapters(); step++) {
            last = stacked.logits(adapters);
            assertThat(AdapterBatch.relativeError(last, wanted))
                    .as("step " + step)
                    .isBetween(1e-5, ERROR);
        }
        assertThat(AdapterBatch.relativeError(last, first))
                .as("what sharing changes")
                .isZero();
    }

    @Test
    @DisplayName("give each row its own adapter while others come and go")
    void changingCompany() {
        Random random = new Random(3);
        for (int step = 0; step < 200; step++) {
            List<String> adapters = adapters(step / 40, 1 + random.nextInt(14));
            assertThat(AdapterBatch.relativeError(stacked.logits(adapters), exact.logits(adapters)))
                    .as("step " + step)
                    .isBetween(1e-5, ERROR);
        }
    }

    @Test
    @Timeout(60)
    @DisplayName(
            "give each row its own adapter where steps alike follow each other, and the same adapters then lie otherwise")
    void layoutsInTurn() {
        List<String> together = List.of("all:0", "qv:1", "patterns:2", "some-layers:3");
        for (int step = 0; step < STEPS_UNTIL_BEST || stacked.isPackingAdapters(); step++) {
            stacked.shortLogits(together);
        }
        List<List<String>> layouts = List.of(
                together,
                List.of("qv:1", "all:0", "some-layers:3", "patterns:2"),
                List.of("qv:1", "all:0"),
                List.of("qv:1", "all:0", "qv:1", "all:0", "qv:1"),
                List.of("dora:0", "all:0", "qv:1"),
                together);
        for (List<String> layout : layouts) {
            List<float[]> wanted = exact.shortLogits(layout);
            for (int step = 0; step < 4; step++) {
                assertThat(AdapterBatch.relativeError(stacked.shortLogits(layout), wanted))
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
                "all:0,all:0,all:0",
                "all:0,qv:1,patterns:2,some-layers:3,all:4,qv:5,all:6,all:7",
                "dora:0,lora-bias:1,all:2"
            })
    @DisplayName(
            "joined with the base's weights give each row its own adapter's numbers, in layers with most of the rows and with few")
    void joined(String names) {
        List<String> adapters = List.of((names + "," + names).split(","));
        try (AdapterBatch apart = new AdapterBatch(torch, new ModelOptions(ComputeType.INT8, false, 0))) {
            List<float[]> alone = apart.shortLogits(adapters);
            List<float[]> wanted = alone;
            for (int step = 0; step < STEPS_UNTIL_BEST || apart.isPackingAdapters(); step++) {
                wanted = apart.shortLogits(adapters);
            }
            for (int step = 0; !stacked.isFused(adapters); step++) {
                assertThat(step).isLessThan(MOST_STEPS);
                assertThat(AdapterBatch.relativeError(stacked.shortLogits(adapters), alone))
                        .isLessThan(ERROR);
            }
            assertThat(AdapterBatch.relativeError(stacked.shortLogits(adapters), wanted))
                    .isBetween(1e-5, ERROR);
            assertThat(AdapterBatch.relativeError(wanted, exact.shortLogits(adapters)))
                    .isBetween(1e-5, 2 * ERROR);
            assertThat(apart.isFused(adapters)).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"all:0", "qv:1", "patterns:2", "some-layers:3", "dora:4", "lora-bias:5"})
    @DisplayName(
            "have one member for a row that is alone, whose numbers are bit for bit the same whatever ran before it")
    void alone(String adapter) {
        List<float[]> first = stacked.shortLogits(List.of(adapter));
        assertThat(AdapterBatch.relativeError(first, exact.shortLogits(List.of(adapter))))
                .isBetween(1e-5, ERROR);
        for (int step = 0; step < STEPS_UNTIL_BEST || stacked.isPackingAdapters(); step++) {
            stacked.shortLogits(List.of(adapter, "all:6", "qv:7"));
        }
        assertThat(stacked.shortLogits(List.of(adapter)).get(0)).isEqualTo(first.get(0));
    }

    @Test
    @Timeout(60)
    @DisplayName("are kept as far as there is room, so that adapters that ran together before are stacked at once")
    void keptForLater() {
        List<List<String>> companies =
                List.of(List.of("all:0", "all:0"), adapters(0, 4), adapters(0, 14), adapters(3, 3));
        try (AdapterBatch roomless = new AdapterBatch(torch, new ModelOptions(ComputeType.INT8, false, 0))) {
            int first = stepsWithBuilding(stacked, companies);
            int firstWithoutRoom = stepsWithBuilding(roomless, companies);
            assertThat(first).isPositive();
            assertThat(firstWithoutRoom).isPositive();
            assertThat(stepsWithBuilding(stacked, companies)).isZero();
            assertThat(stepsWithBuilding(roomless, companies)).isPositive();
        }
    }

    /** Each of them for as long as it takes until nothing is built for it any more. */
    private int stepsWithBuilding(AdapterBatch batch, List<List<String>> companies) {
        int building = 0;
        for (List<String> adapters : companies) {
            for (int quiet = 0; quiet < STEPS_UNTIL_BEST; quiet++) {
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
    @DisplayName("are joined anew when other adapters run alone, and the copy of those before is given up")
    void joinedAnew() {
        for (List<String> adapters :
                List.of(List.of("all:0", "qv:1"), List.of("patterns:2", "some-layers:3"), List.of("all:0", "qv:1"))) {
            List<float[]> wanted = exact.shortLogits(adapters);
            for (int step = 0; !stacked.isFused(adapters); step++) {
                assertThat(step).isLessThan(MOST_STEPS);
                assertThat(AdapterBatch.relativeError(stacked.shortLogits(adapters), wanted))
                        .isBetween(1e-5, ERROR);
            }
            assertThat(AdapterBatch.relativeError(stacked.shortLogits(adapters), wanted))
                    .isBetween(1e-5, ERROR);
        }
    }

    /** So many neighbouring ones of 80 adapters, of four kinds in turn. */
    private static List<String> adapters(int first, int count) {
        return new ArrayList<>(IntStream.range(first, first + count)
                .map(i -> i % 80)
                .mapToObj(i -> KINDS.get(i % 4) + ":" + i)
                .toList());
    }
}
