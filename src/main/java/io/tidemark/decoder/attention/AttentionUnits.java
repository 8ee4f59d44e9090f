package io.tidemark.decoder.attention;

import io.tidemark.decoder.PlacedRow;
import io.tidemark.decoder.attention.AttentionUnit.Piece;
import io.tidemark.decoder.kvcache.KvBlock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Cuts a step into attention calls. A piece of a prompt has its own; short beginnings of prompts share one. Rows with one token
 * share a call where that is cheaper than one each: neighbours read as much of the cache as the longest of them needs.
 */
public final class AttentionUnits {

    private final AttentionTiles tiles;

    public AttentionUnits(AttentionTiles tiles) {
        this.tiles = tiles;
    }

    public List<AttentionUnit> of(List<PlacedRow> rows, List<KvBlock> blocks) {
        List<AttentionUnit> units = new ArrayList<>();
        for (KvBlock block : blocks) {
            List<Piece> single = rows.stream()
                    .filter(row -> row.block() == block && row.tokens() == 1)
                    .map(AttentionUnits::whole)
                    .sorted(Comparator.comparingInt(piece -> piece.slot().index()))
                    .toList();
            addRuns(units, block, single);
        }
        List<PlacedRow> packed = new ArrayList<>();
        for (KvBlock block : blocks) {
            addPacked(
                    units,
                    packed,
                    rows.stream()
                            .filter(row -> row.block() == block && isShortBeginning(row))
                            .toList());
        }
        rows.stream().filter(row -> row.tokens() > 1 && !packed.contains(row)).forEach(row -> addChunks(units, row));
        return units;
    }

    private boolean isShortBeginning(PlacedRow row) {
        return row.tokens() > 1
                && row.tokens() <= tiles.packedTokens()
                && row.row().position() == 0;
    }

    /** Packs consecutive rows of one block into calls of at most {@code PACKED_CALL_TOKENS} tokens; a row that is left alone is not packed. */
    private static void addPacked(List<AttentionUnit> units, List<PlacedRow> packed, List<PlacedRow> rows) {
        int from = 0;
        while (from < rows.size() - 1) {
            int tokens = rows.get(from).tokens();
            int to = from + 1;
            while (to < rows.size() && tokens + rows.get(to).tokens() <= AttentionTiles.PACKED_CALL_TOKENS) {
                tokens += rows.get(to++).tokens();
            }
            if (to - from > 1) {
                packed.addAll(rows.subList(from, to));
                List<Piece> pieces = rows.subList(from, to).stream()
                        .map(AttentionUnits::whole)
                        .toList();
                units.add(new AttentionUnit(rows.get(from).block(), pieces, tokens, new AttentionSpan(0, 0, false)));
            }
            from = to;
        }
    }

    private static Piece whole(PlacedRow row) {
        return new Piece(row.row().slot(), row.firstToken(), row.row().position(), row.tokens());
    }

    private void addChunks(List<AttentionUnit> units, PlacedRow row) {
        int done = 0;
        while (done < row.tokens()) {
            int most = tiles.mostQueries(
                    row.block(), row.row().position() + done, row.row().position() + row.tokens());
            int queries = Math.min(row.tokens() - done, most);
            List<Piece> piece = List.of(new Piece(
                    row.row().slot(), row.firstToken() + done, row.row().position() + done, queries));
            units.add(new AttentionUnit(row.block(), piece, queries, tiles.span(row.block(), piece)));
            done += queries;
        }
    }

    /** The cheapest cut of the rows, by slot, into runs; of equally cheap ones that with the longer runs. */
    private void addRuns(List<AttentionUnit> units, KvBlock block, List<Piece> rows) {
        long[] cheapest = new long[rows.size() + 1];
        int[] lastStart = new int[rows.size() + 1];
        for (int end = 1; end <= rows.size(); end++) {
            cheapest[end] = Long.MAX_VALUE;
            int longest = 0;
            for (int start = end - 1;
                    start >= 0
                            && tiles.mayShare(
                                    rows.get(start).end(), rows.get(end - 1).end());
                    start--) {
                longest = Math.max(longest, rows.get(start).end());
                int slots = rows.get(end - 1).slot().index()
                        - rows.get(start).slot().index()
                        + 1;
                long cost = cheapest[start] + tiles.cost(block, slots, longest);
                if (cost <= cheapest[end]) {
                    cheapest[end] = cost;
                    lastStart[end] = start;
                }
            }
        }
        int[] starts = new int[rows.size()];
        int runs = 0;
        for (int end = rows.size(); end > 0; end = lastStart[end]) {
            starts[runs++] = lastStart[end];
        }
        Arrays.sort(starts, 0, runs);
        for (int run = 0; run < runs; run++) {
            List<Piece> pieces = rows.subList(starts[run], run + 1 < runs ? starts[run + 1] : rows.size());
            units.add(new AttentionUnit(block, pieces, 1, tiles.span(block, pieces)));
        }
    }
}
