package io.tidemark.decoder.attention;

import io.tidemark.decoder.attention.AttentionCall.Chunk;
import io.tidemark.decoder.attention.AttentionCall.Span;
import io.tidemark.decoder.kvcache.KvBlock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * The attention calls of a step, and the order of their rows. Each chunk of a prompt is a call; short prompts share
 * calls. Rows with one new token share a call where that costs less than separate calls: all rows of a call read as
 * many cached tokens as the longest of them needs.
 *
 * <p>The rows of the calls follow each other call by call, and slot by slot within a call. A slot without a token in
 * this step repeats the first chunk of its call; the result is discarded.
 */
public final class AttentionPlan {

    private final List<AttentionCall> calls;
    private final int tokens;
    /** The token of each row. */
    private final long[] tokenOfRow;
    /** The slot of each row. */
    private final long[] slotOfRow;

    private final boolean reordered;

    /**
     * @param rows   each row of the step as one chunk
     * @param blocks the blocks of the rows
     * @param tokens number of tokens of the step
     */
    public AttentionPlan(AttentionTiling tiling, List<Chunk> rows, List<KvBlock> blocks, int tokens) {
        this.calls = calls(tiling, rows, blocks);
        this.tokens = tokens;
        int size = calls.stream().mapToInt(AttentionCall::rows).sum();
        this.tokenOfRow = new long[size];
        this.slotOfRow = new long[size];
        int row = 0;
        for (AttentionCall call : calls) {
            for (Chunk chunk : chunksOfSlots(call)) {
                for (int query = 0; query < chunk.queries(); query++) {
                    tokenOfRow[row] = chunk.firstToken() + query;
                    slotOfRow[row++] = chunk.slot().index();
                }
            }
        }
        this.reordered = !isIdentity(tokenOfRow, tokens);
    }

    public List<AttentionCall> calls() {
        return calls;
    }

    /** Rows that the calls compute, including the discarded ones. */
    public int rows() {
        return tokenOfRow.length;
    }

    /** Whether the order of the rows differs from the order of the step's tokens. */
    public boolean isReordered() {
        return reordered;
    }

    /** The slot of each row {@code [rows]}. */
    public long[] slots() {
        return slotOfRow.clone();
    }

    /** The token of each row {@code [rows]}; empty if rows and tokens have the same order. */
    public long[] order() {
        return reordered ? tokenOfRow.clone() : new long[0];
    }

    /** The row with the result of each token {@code [tokens]}; empty if rows and tokens have the same order. */
    public long[] restoredOrder() {
        return reordered ? rowOfToken() : new long[0];
    }

    private static boolean isIdentity(long[] order, int tokens) {
        for (int i = 0; i < order.length; i++) {
            if (order[i] != i) {
                return false;
            }
        }
        return order.length == tokens;
    }

    private long[] rowOfToken() {
        long[] rows = new long[tokens];
        int start = 0;
        for (AttentionCall call : calls) {
            int packed = 0;
            for (Chunk chunk : call.chunks()) {
                int first = call.isPacked() ? packed : (chunk.slot().index() - call.firstSlot()) * call.queries();
                for (int query = 0; query < chunk.queries(); query++) {
                    rows[chunk.firstToken() + query] = start + first + query;
                }
                packed += chunk.queries();
            }
            start += call.rows();
        }
        return rows;
    }

    /** One chunk for each slot of a call's range: the slot's own chunk, or the first chunk of the call. */
    private static List<Chunk> chunksOfSlots(AttentionCall call) {
        if (call.isPacked()) {
            return call.chunks();
        }
        List<Chunk> chunks = new ArrayList<>();
        int next = 0;
        for (int slot = call.firstSlot(); slot < call.endSlot(); slot++) {
            boolean present = call.chunks().get(next).slot().index() == slot;
            chunks.add(call.chunks().get(present ? next : 0));
            next += present ? 1 : 0;
        }
        return chunks;
    }

    /** Splits a step into calls. */
    static List<AttentionCall> calls(AttentionTiling tiling, List<Chunk> rows, List<KvBlock> blocks) {
        List<AttentionCall> calls = new ArrayList<>();
        for (KvBlock block : blocks) {
            List<Chunk> decoding = rows.stream()
                    .filter(row -> row.slot().block() == block && row.queries() == 1)
                    .sorted(Comparator.comparingInt(row -> row.slot().index()))
                    .toList();
            addShared(calls, tiling, block, decoding);
        }
        List<Chunk> packed = new ArrayList<>();
        for (KvBlock block : blocks) {
            List<Chunk> shortPrompts = rows.stream()
                    .filter(row -> row.slot().block() == block && isShortPrompt(tiling, row))
                    .toList();
            addPacked(calls, packed, shortPrompts);
        }
        rows.stream()
                .filter(row -> row.queries() > 1 && !packed.contains(row))
                .forEach(row -> addChunks(calls, tiling, row));
        return calls;
    }

    private static boolean isShortPrompt(AttentionTiling tiling, Chunk row) {
        return row.queries() > 1 && row.queries() <= tiling.packedTokens() && row.position() == 0;
    }

    /** Packs consecutive rows of one block; a row that would be alone in its call is not packed. */
    private static void addPacked(List<AttentionCall> calls, List<Chunk> packed, List<Chunk> rows) {
        int from = 0;
        while (from < rows.size() - 1) {
            int tokens = rows.get(from).queries();
            int to = from + 1;
            while (to < rows.size() && tokens + rows.get(to).queries() <= AttentionTiling.PACKED_CALL_TOKENS) {
                tokens += rows.get(to++).queries();
            }
            if (to - from > 1) {
                List<Chunk> chunks = rows.subList(from, to);
                packed.addAll(chunks);
                calls.add(new AttentionCall(chunks.get(0).slot().block(), chunks, tokens, new Span(0, 0, false)));
            }
            from = to;
        }
    }

    /** Splits a row with several new tokens into calls of at most {@link AttentionTiling#maxQueries}. */
    private static void addChunks(List<AttentionCall> calls, AttentionTiling tiling, Chunk row) {
        KvBlock block = row.slot().block();
        int done = 0;
        while (done < row.queries()) {
            int max = tiling.maxQueries(block, row.position() + done, row.end());
            int queries = Math.min(row.queries() - done, max);
            List<Chunk> chunk = List.of(new Chunk(row.slot(), row.firstToken() + done, row.position() + done, queries));
            calls.add(new AttentionCall(block, chunk, queries, tiling.span(block, chunk)));
            done += queries;
        }
    }

    /**
     * Splits rows with one query, ordered by slot, into the ranges with the lowest total cost, by dynamic programming.
     * Of equally cheap splits it takes the one with longer ranges.
     */
    private static void addShared(List<AttentionCall> calls, AttentionTiling tiling, KvBlock block, List<Chunk> rows) {
        long[] lowestCost = new long[rows.size() + 1];
        int[] lastStart = new int[rows.size() + 1];
        for (int end = 1; end <= rows.size(); end++) {
            lowestCost[end] = Long.MAX_VALUE;
            Chunk last = rows.get(end - 1);
            int longest = 0;
            for (int start = end - 1;
                    start >= 0 && tiling.mayShare(rows.get(start).end(), last.end());
                    start--) {
                Chunk first = rows.get(start);
                longest = Math.max(longest, first.end());
                int slots = last.slot().index() - first.slot().index() + 1;
                long cost = lowestCost[start] + tiling.cost(block, slots, longest);
                if (cost <= lowestCost[end]) {
                    lowestCost[end] = cost;
                    lastStart[end] = start;
                }
            }
        }
        int[] starts = new int[rows.size()];
        int count = 0;
        for (int end = rows.size(); end > 0; end = lastStart[end]) {
            starts[count++] = lastStart[end];
        }
        Arrays.sort(starts, 0, count);
        for (int i = 0; i < count; i++) {
            List<Chunk> chunks = rows.subList(starts[i], i + 1 < count ? starts[i + 1] : rows.size());
            calls.add(new AttentionCall(block, chunks, 1, tiling.span(block, chunks)));
        }
    }
}
