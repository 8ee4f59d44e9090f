package io.tidemark.decoder.attention;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.PlacedRow;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.attention.AttentionUnit.Piece;
import io.tidemark.decoder.kvcache.KvBlock;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
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

@DisplayName("a step's attention calls")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AttentionUnitsTest {

    /** As for SmolLM2-135M: a call costs what 64 tokens of one sequence do. */
    private static final AttentionTiles TILES = new AttentionTiles(OptionalInt.empty(), 64, false);

    private static final AttentionTiles FIXED = new AttentionTiles(OptionalInt.empty(), 64, true);

    private final Torch torch = Torch.open(new TorchOptions("cpu", 1));
    private final KvBlock block = new KvBlock(torch.number(0), 16, 4096, 4096);
    private final List<KvSlot> slots =
            IntStream.range(0, 16).mapToObj(i -> block.take()).toList();

    @AfterAll
    void close() {
        block.close();
        torch.close();
    }

    @Test
    @DisplayName("are one for rows of similar length")
    void sharesACall() {
        assertThat(decoding(70, 90, 100, 128, 66, 80, 127, 99)).containsExactly("0..8 span 128");
    }

    @Test
    @DisplayName("keep one long row from making its neighbours read as far")
    void isolatesALongRow() {
        assertThat(decoding(70, 90, 2048, 128, 66)).containsExactly("0..2 span 128", "2..3 span 2048", "3..5 span 128");
    }

    @Test
    @DisplayName("are no more than what they save is worth")
    void countsTheCall() {
        assertThat(decoding(64, 128))
                .as("64 tokens less to read, for another call")
                .containsExactly("0..2 span 128");
        assertThat(decoding(64, 192)).as("128 tokens less to read").containsExactly("0..1 span 64", "1..2 span 192");
    }

    @Test
    @DisplayName("skip a run of free slots when computing them costs more than a call")
    void skipsHoles() {
        assertThat(units(List.of(row(0, 60, 1), row(9, 60, 1)))).containsExactly("0..1 span 64", "9..10 span 64");
        assertThat(units(List.of(row(0, 60, 1), row(2, 60, 1))))
                .as("one free slot")
                .containsExactly("0..3 span 64");
    }

    @Test
    @DisplayName("are never dearer than one for all rows, nor than one for each")
    void isCheapest() {
        int[] lengths = {63, 900, 64, 200, 210, 3000, 70, 2900, 64, 64, 129, 1000};
        long cost = decoding(lengths).stream().mapToLong(this::cost).sum();
        assertThat(cost)
                .isLessThan(cost("0..12 span 3008"))
                .isLessThan(IntStream.of(lengths)
                        .mapToLong(length -> TILES.cost(block, 1, length))
                        .sum());
    }

    @Test
    @DisplayName("need no mask at the beginning of a prompt, and read whole tiles after it")
    void separatesPrompts() {
        assertThat(units(List.of(row(0, 0, 100), row(1, 100, 100), row(2, 10, 1))))
                .containsExactly("2..3 span 64", "0..1 span 100 x 100 from the beginning", "1..2 span 256 x 100");
    }

    @Test
    @DisplayName(
            "pack short beginnings of prompts into one, wherever their slots are, but no longer ones and none alone")
    void packsShortPrompts() {
        assertThat(units(List.of(row(0, 0, 10), row(3, 0, 64), row(1, 70, 1), row(4, 0, 65), row(5, 3, 10))))
                .containsExactly(
                        "1..2 span 128",
                        "0..4 packed x 74",
                        "4..5 span 65 x 65 from the beginning",
                        "5..6 span 64 x 10");
        assertThat(units(List.of(row(0, 0, 10)))).containsExactly("0..1 span 10 x 10 from the beginning");
        assertThat(units(FIXED, List.of(row(0, 0, 10), row(1, 0, 10)))).hasSize(2);
        assertThat(units(IntStream.range(0, 8).mapToObj(i -> row(i, 0, 60)).toList()))
                .as("as many as a call may have")
                .containsExactly("0..2 packed x 120", "2..8 packed x 360");
    }

    @Test
    @DisplayName("where they must be fixed, join no rows of different spans, and cut prompts at whole tiles")
    void dependsOnNoNeighbour() {
        assertThat(units(FIXED, List.of(row(0, 60, 1), row(1, 63, 1), row(2, 64, 1), row(3, 100, 1), row(4, 10, 1))))
                .containsExactly("0..2 span 64", "2..4 span 128", "4..5 span 64");
        assertThat(units(FIXED, List.of(row(0, 0, 150))))
                .containsExactly("0..1 span 128 x 64", "0..1 span 192 x 22", "0..1 span 64 x 64 from the beginning");
        assertThat(FIXED.pieceTokens()).isEqualTo(64);
        assertThat(TILES.pieceTokens()).isEqualTo(1);
    }

    @Test
    @DisplayName("take a long chunk far into a prompt in parts, each of which reads up to its own end")
    void boundsTheMask() {
        KvBlock long_ = new KvBlock(torch.number(0), 1, 100_032, 100_032);
        List<AttentionUnit> units = new AttentionUnits(TILES)
                .of(List.of(new PlacedRow(stepRow(long_.take(), 99_000, 100), 7)), List.of(long_));
        assertThat(units)
                .allSatisfy(unit ->
                        assertThat((long) unit.queries() * unit.span().tokens()).isLessThanOrEqualTo(1 << 22));
        assertThat(units.stream().mapToInt(AttentionUnit::queries).sum()).isEqualTo(100);
        int done = 0;
        for (AttentionUnit unit : units) {
            Piece piece = unit.pieces().get(0);
            assertThat(piece.firstToken()).isEqualTo(7 + done);
            assertThat(piece.position()).isEqualTo(99_000 + done);
            done += piece.queries();
        }
        long_.close();
    }

    private long cost(String unit) {
        String[] parts = unit.split("\\.\\.| span ");
        return TILES.cost(block, Integer.parseInt(parts[1]) - Integer.parseInt(parts[0]), Integer.parseInt(parts[2]));
    }

    /** One row of each length with one new token, on the first slots. */
    private List<String> decoding(int... lengths) {
        return units(IntStream.range(0, lengths.length)
                .mapToObj(i -> row(i, lengths[i] - 1, 1))
                .toList());
    }

    private StepRow row(int slot, int position, int tokens) {
        return stepRow(slots.get(slot), position, tokens);
    }

    private static StepRow stepRow(KvSlot slot, int position, int tokens) {
        return new StepRow(slot, Collections.nCopies(tokens, 5), position, Optional.empty(), 0, Optional.empty());
    }

    private List<String> units(List<StepRow> rows) {
        return units(TILES, rows);
    }

    private List<String> units(AttentionTiles tiles, List<StepRow> rows) {
        List<PlacedRow> placed = new ArrayList<>();
        rows.forEach(row -> placed.add(new PlacedRow(row, 0)));
        Collections.reverse(placed);
        return new AttentionUnits(tiles)
                .of(placed, List.of(block)).stream()
                        .map(AttentionUnitsTest::described)
                        .sorted((a, b) ->
                                Boolean.compare(a.contains("x"), b.contains("x")) * 2 + Integer.signum(a.compareTo(b)))
                        .toList();
    }

    private static String described(AttentionUnit unit) {
        if (unit.isPacked()) {
            List<Integer> at = unit.pieces().stream()
                    .map(piece -> piece.slot().index())
                    .sorted()
                    .toList();
            return at.get(0) + ".." + (at.get(at.size() - 1) + 1) + " packed x " + unit.queries();
        }
        return unit.firstSlot() + ".." + unit.endSlot() + " span " + unit.span().tokens()
                + (unit.queries() > 1 ? " x " + unit.queries() : "")
                + (unit.span().isBeginning() ? " from the beginning" : "");
    }
}
