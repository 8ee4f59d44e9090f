package io.tidemark.decoder.attention;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.attention.AttentionCall.Chunk;
import io.tidemark.decoder.kvcache.KvBlock;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.torch.Torch;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("Attention calls of a step")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AttentionPlanTest {

    /** As for SmolLM2-135M: a call costs as much as 64 tokens of one sequence. */
    private static final AttentionTiling TILING = new AttentionTiling(OptionalInt.empty(), 64, false);

    private static final AttentionTiling DETERMINISTIC = new AttentionTiling(OptionalInt.empty(), 64, true);

    private final Torch torch = Torch.open(FixtureModel.OPTIONS);
    private final KvBlock block = new KvBlock(torch.number(0), Optional.empty(), 16, 4096, 4096);
    private final List<KvSlot> slots =
            IntStream.range(0, 16).mapToObj(block::slot).toList();

    @AfterAll
    void close() {
        block.close();
        torch.close();
    }

    @Test
    @DisplayName("One call serves decoding rows of similar length")
    void sharesACall() {
        assertThat(decoding(70, 90, 100, 128, 66, 80, 127, 99)).containsExactly("0..8 span 128");
    }

    @Test
    @DisplayName("A long row gets a call of its own")
    void isolatesALongRow() {
        assertThat(decoding(70, 90, 2048, 128, 66)).containsExactly("0..2 span 128", "2..3 span 2048", "3..5 span 128");
    }

    @Test
    @DisplayName("Rows are split only if that saves more than the cost of a call")
    void countsTheCall() {
        assertThat(decoding(64, 128))
                .as("64 tokens fewer to read for one more call")
                .containsExactly("0..2 span 128");
        assertThat(decoding(64, 192)).as("128 tokens fewer to read").containsExactly("0..1 span 64", "1..2 span 192");
    }

    @Test
    @DisplayName("Free slots are skipped if computing them costs more than a call")
    void skipsFreeSlots() {
        assertThat(calls(List.of(row(0, 60, 1), row(9, 60, 1)))).containsExactly("0..1 span 64", "9..10 span 64");
        assertThat(calls(List.of(row(0, 60, 1), row(2, 60, 1))))
                .as("one free slot")
                .containsExactly("0..3 span 64");
    }

    @Test
    @DisplayName("The cost is below that of one call for all rows, and of one call per row")
    void isCheap() {
        int[] lengths = {63, 900, 64, 200, 210, 3000, 70, 2900, 64, 64, 129, 1000};
        long cost = decoding(lengths).stream().mapToLong(this::cost).sum();
        assertThat(cost)
                .isLessThan(cost("0..12 span 3008"))
                .isLessThan(IntStream.of(lengths)
                        .mapToLong(length -> TILING.cost(block, 1, length))
                        .sum());
    }

    @Test
    @DisplayName("The first chunk of a prompt needs no mask, and later chunks read whole tiles")
    void separatesPrompts() {
        assertThat(calls(List.of(row(0, 0, 100), row(1, 100, 100), row(2, 10, 1))))
                .containsExactly("2..3 span 64", "0..1 span 100 x 100 from the beginning", "1..2 span 256 x 100");
    }

    @Test
    @DisplayName(
            "In deterministic mode, rows that read different numbers of tokens have separate calls, and prompts are split at tile boundaries")
    void deterministicCalls() {
        assertThat(calls(
                        DETERMINISTIC,
                        List.of(row(0, 60, 1), row(1, 63, 1), row(2, 64, 1), row(3, 100, 1), row(4, 10, 1))))
                .containsExactly("0..2 span 64", "2..4 span 128", "4..5 span 64");
        assertThat(calls(DETERMINISTIC, List.of(row(0, 0, 150))))
                .containsExactly("0..1 span 128 x 64", "0..1 span 192 x 22", "0..1 span 64 x 64 from the beginning");
        assertThat(DETERMINISTIC.chunkTokens()).isEqualTo(64);
        assertThat(TILING.chunkTokens()).isEqualTo(1);
    }

    @Test
    @DisplayName("A long chunk late in a prompt is split into calls with a bounded number of scores")
    void boundsTheMask() {
        KvBlock large = new KvBlock(torch.number(0), Optional.empty(), 1, 100_032, 100_032);
        List<AttentionCall> calls =
                AttentionPlan.calls(TILING, List.of(new Chunk(large.slot(0), 7, 99_000, 100)), List.of(large));
        assertThat(calls)
                .allSatisfy(call ->
                        assertThat((long) call.queries() * call.span().tokens()).isLessThanOrEqualTo(1 << 22));
        assertThat(calls.stream().mapToInt(AttentionCall::queries).sum()).isEqualTo(100);
        int done = 0;
        for (AttentionCall call : calls) {
            Chunk chunk = call.chunks().get(0);
            assertThat(chunk.firstToken()).isEqualTo(7 + done);
            assertThat(chunk.position()).isEqualTo(99_000 + done);
            done += chunk.queries();
        }
        large.close();
    }

    @Test
    @DisplayName(
            "Rows are ordered by slot, a free slot repeats the first chunk, and each token has the row of its result")
    void ordersRowsBySlot() {
        List<Chunk> rows = List.of(new Chunk(slots.get(2), 0, 59, 1), new Chunk(slots.get(0), 1, 59, 1));
        AttentionPlan plan = new AttentionPlan(TILING, rows, List.of(block), 2);
        assertThat(plan.rows()).isEqualTo(3);
        assertThat(plan.slots()).containsExactly(0, 0, 2);
        assertThat(plan.order()).containsExactly(1, 1, 0);
        assertThat(plan.restoredOrder()).containsExactly(2, 0);
    }

    @Test
    @DisplayName("Rows in the order of the tokens need slots only")
    void keepsTheOrderOfTokens() {
        List<Chunk> rows = List.of(new Chunk(slots.get(0), 0, 59, 1), new Chunk(slots.get(1), 1, 59, 1));
        AttentionPlan plan = new AttentionPlan(TILING, rows, List.of(block), 2);
        assertThat(plan.slots()).containsExactly(0, 1);
        assertThat(plan.order()).isEmpty();
        assertThat(plan.restoredOrder()).isEmpty();
    }

    private long cost(String call) {
        String[] parts = call.split("\\.\\.| span ");
        return TILING.cost(block, Integer.parseInt(parts[1]) - Integer.parseInt(parts[0]), Integer.parseInt(parts[2]));
    }

    /** One row of each length with one new token, on the first slots. */
    private List<String> decoding(int... lengths) {
        return calls(IntStream.range(0, lengths.length)
                .mapToObj(i -> row(i, lengths[i] - 1, 1))
                .toList());
    }

    private Chunk row(int slot, int position, int tokens) {
        return new Chunk(slots.get(slot), 0, position, tokens);
    }

    private List<String> calls(List<Chunk> rows) {
        return calls(TILING, rows);
    }

    private List<String> calls(AttentionTiling tiling, List<Chunk> rows) {
        List<Chunk> reversed = new ArrayList<>(rows);
        Collections.reverse(reversed);
        return AttentionPlan.calls(tiling, reversed, List.of(block)).stream()
                .map(AttentionPlanTest::description)
                .sorted((a, b) ->
                        Boolean.compare(a.contains("x"), b.contains("x")) * 2 + Integer.signum(a.compareTo(b)))
                .toList();
    }

    private static String description(AttentionCall call) {
        return call.firstSlot() + ".." + call.endSlot() + " span " + call.span().tokens()
                + (call.queries() > 1 ? " x " + call.queries() : "")
                + (call.span().sequenceStart() ? " from the beginning" : "");
    }
}
