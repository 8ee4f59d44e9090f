package io.tidemark.decoder.attention;

import io.tidemark.decoder.attention.AttentionCall.Chunk;
import io.tidemark.decoder.kvcache.KvBlock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The attention calls of a step, and the order of their rows. Each chunk of a prompt is a call. Rows with one new token
 * share a call where that costs no more than separate calls: all rows of a call read as many cached tokens as the
 * longest of them needs.
 *
 * <p>The rows of the calls follow each other call by call, and slot by slot within a call. A slot without a token in
 * this step repeats the first chunk of its call; the result is discarded.
 */
public final class AttentionPlan {

    private final List<AttentionCall> calls;
    private final int tokens;
    /** The index of each row's token in the step. */
    private final long[] tokenOfRow;
    /** The index of each row's slot in its block. */
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
            for (Chunk chunk : call.chunks()) {
                int first = start + (chunk.slot().index() - call.firstSlot()) * call.queries();
                for (int query = 0; query < chunk.queries(); query++) {
                    rows[chunk.firstToken() + query] = first + query;
                }
            }
            start += call.rows();
        }
        return rows;
    }

    /** One chunk for each slot of a call's range: the slot's own chunk, or the first chunk of the call. */
    private static List<Chunk> chunksOfSlots(AttentionCall call) {
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
        rows.stream().filter(row -> row.queries() > 1).forEach(row -> addChunks(calls, tiling, row));
        return calls;
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

    /** Adds the calls of rows with one query, which are ordered by slot. */
    private static void addShared(List<AttentionCall> calls, AttentionTiling tiling, KvBlock block, List<Chunk> rows) {
        int from = 0;
        while (from < rows.size()) {
            int to = from + 1;
            while (to < rows.size() && tiling.shares(block, rows.subList(from, to), rows.get(to))) {
                to++;
            }
            List<Chunk> chunks = rows.subList(from, to);
            calls.add(new AttentionCall(block, chunks, 1, tiling.span(block, chunks)));
            from = to;
        }
    }
}
