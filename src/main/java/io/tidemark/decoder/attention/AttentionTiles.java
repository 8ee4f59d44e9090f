package io.tidemark.decoder.attention;

import io.tidemark.decoder.attention.AttentionUnit.Piece;
import io.tidemark.decoder.kvcache.KvBlock;
import io.tidemark.model.ModelConfig;
import java.util.List;
import java.util.OptionalInt;

/**
 * The sizes that attention is cut into. Capacities and spans are whole tiles, so that a row's span changes rarely and
 * never with its neighbours' exact lengths.
 *
 * @param window     how many tokens the layers with a window see; empty when no layer has one
 * @param callTokens one more call costs as much as reading so many cached tokens of one sequence in one layer
 * @param fixed      what a row's call computes is bit for bit the same whatever else is in the step: its span is its own,
 *                   and prompts are attended in pieces that end at whole tiles
 */
public record AttentionTiles(OptionalInt window, int callTokens, boolean fixed) {

    /** Tokens of a tile. */
    public static final int TILE = 64;

    /** A call costs about as much as reading so many numbers from the cache (0.1 MB; measured on two cores of Zen 4). */
    private static final int CALL_NUMBERS = 24_576;
    /** The most tokens of packed beginnings in one call. */
    public static final int PACKED_CALL_TOKENS = 384;
    /** The most tokens of a beginning that is packed. */
    private static final int PACKED_TOKENS = 64;
    /** Queries that a layer with a window takes in one call at least: its ring holds as much more than the window. */
    private static final int RING_QUERIES = 256;
    /** Scores of one head that a call makes at most, so that long chunks of long prompts don't ask for gigabytes. */
    private static final int MOST_SCORES = 1 << 22;

    public static AttentionTiles of(ModelConfig config, boolean fixed) {
        return new AttentionTiles(config.window(), Math.max(1, CALL_NUMBERS / (2 * config.keyWidth())), fixed);
    }

    /** Whole tiles that hold so many tokens. */
    public static int roundedUp(int tokens) {
        return Math.floorDiv(tokens + TILE - 1, TILE) * TILE;
    }

    public AttentionSpan span(KvBlock block, List<Piece> pieces) {
        Piece first = pieces.get(0);
        boolean beginning =
                first.queries() > 1 && first.position() == 0 && first.queries() <= window.orElse(Integer.MAX_VALUE);
        int end = pieces.stream().mapToInt(Piece::end).max().orElseThrow();
        int read = beginning ? end : roundedUp(end);
        return new AttentionSpan(Math.min(block.capacity(), read), Math.min(block.ringCapacity(), read), beginning);
    }

    /** Tokens that a layer with a window holds for sequences of up to {@code capacity} tokens. */
    public int ringCapacity(int capacity) {
        return window.isPresent() ? Math.min(capacity, roundedUp(window.getAsInt() + RING_QUERIES)) : capacity;
    }

    /** Pieces of a prompt end at multiples of this, but for the last. */
    public int pieceTokens() {
        return fixed ? TILE : 1;
    }

    /** The longest beginning of a sequence that may share a call with others; 0 where a row's call must be its own. */
    public int packedTokens() {
        return fixed ? 0 : Math.min(PACKED_TOKENS, window.orElse(PACKED_TOKENS));
    }

    /** Whether rows of these lengths may share a call. */
    public boolean mayShare(int tokens, int otherTokens) {
        return !fixed || roundedUp(tokens) == roundedUp(otherTokens);
    }

    /**
     * The most queries of a call that begins at a position, for a sequence of so many tokens with this step: their scores
     * are bounded, and in a ring they must not take the places of tokens that the first of them still sees.
     */
    public int mostQueries(KvBlock block, int position, int tokens) {
        int most = Math.max(1, MOST_SCORES / roundedUp(fixed ? position + 1 : tokens));
        if (tokens > block.ringCapacity()) {
            most = Math.min(most, block.ringCapacity() - window.orElseThrow() + 1);
        }
        return fixed ? Math.min(most, TILE - position % TILE) : most;
    }

    /** What a call over a run of slots costs whose longest row has so many tokens, in cached tokens of one sequence. */
    public long cost(KvBlock block, int slots, int tokens) {
        return callTokens + (long) slots * Math.min(block.capacity(), roundedUp(tokens));
    }
}
