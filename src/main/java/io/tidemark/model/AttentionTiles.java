package io.tidemark.model;

import io.tidemark.model.AttentionUnit.Piece;
import java.util.List;
import java.util.OptionalInt;

/**
 * The sizes that attention is cut into. Capacities and spans are whole tiles, so that a row's span changes rarely and
 * never with its neighbours' exact lengths.
 *
 * @param window     how many tokens the layers with a window see; empty when no layer has one
 * @param callTokens one more call costs as much as reading so many cached tokens of one sequence in one layer
 */
record AttentionTiles(OptionalInt window, int callTokens) {

    /** Tokens of a tile. */
    static final int TILE = 64;

    /** A call costs about as much as reading so many numbers from the cache (0.1 MB; measured on two cores of Zen 4). */
    private static final int CALL_NUMBERS = 24_576;
    /** Scores of one head that a call makes at most, so that long chunks of long prompts don't ask for gigabytes. */
    private static final int MOST_SCORES = 1 << 22;

    static AttentionTiles of(ModelConfig config) {
        return new AttentionTiles(config.window(), Math.max(1, CALL_NUMBERS / (2 * config.keyWidth())));
    }

    /** Whole tiles that hold so many tokens. */
    static int roundedUp(int tokens) {
        return Math.floorDiv(tokens + TILE - 1, TILE) * TILE;
    }

    AttentionSpan span(KvBlock block, List<Piece> pieces) {
        Piece first = pieces.get(0);
        boolean beginning = first.queries() > 1 && first.position() == 0 && first.queries() <= window.orElse(Integer.MAX_VALUE);
        int end = pieces.stream().mapToInt(Piece::end).max().orElseThrow();
        int read = beginning ? end : roundedUp(end);
        return new AttentionSpan(Math.min(block.capacity(), read), Math.min(block.ringCapacity(), read), beginning);
    }

    /** The most queries that a call at this position may have. */
    int mostQueries(int position) {
        return Math.max(1, MOST_SCORES / (position + TILE));
    }

    /** What a call over a run of slots costs, in cached tokens of one sequence. */
    long cost(int slots, int span) {
        return callTokens + (long) slots * span;
    }
}
