package io.tidemark.decoder.attention;

import io.tidemark.decoder.attention.AttentionCall.Chunk;
import io.tidemark.decoder.attention.AttentionCall.Span;
import io.tidemark.decoder.kvcache.KvBlock;
import io.tidemark.decoder.kvcache.KvCache;
import io.tidemark.model.ModelConfig;
import java.util.List;
import java.util.OptionalInt;

/**
 * The sizes of attention calls. The number of cached tokens that a call reads is a multiple of {@link KvCache#TILE}, so
 * that it changes rarely from step to step and does not depend on the exact length of neighbouring rows.
 *
 * @param window        tokens that layers with sliding-window attention read; empty if no layer has a window
 * @param callCost      cost of one more call, in cached tokens of one sequence that are read in one layer
 * @param deterministic a row's result is the same, bit for bit, whatever else is in the step: the tokens that its call
 *                      reads depend on its own length only, and prompts are split at multiples of a tile
 */
public record AttentionTiling(OptionalInt window, int callCost, boolean deterministic) {

    /** How many elements of the cache can be read in the time of one call (0.1 MB; measured on two cores of Zen 4). */
    private static final int CALL_COST_ELEMENTS = 24_576;
    /**
     * The same on a GPU, computed: a call launches 6 kernels of 5 µs, and in that time an L4 (300 GB/s) reads 9 MB of
     * bf16. An H100 reads ten times as much.
     */
    private static final int GPU_CALL_COST_ELEMENTS = 4_500_000;
    /** The most attention scores of one head in one call; limits the memory of long chunks of long prompts. */
    private static final int MAX_SCORES = 1 << 22;

    public static AttentionTiling of(ModelConfig config, boolean deterministic, boolean isOnGpu) {
        int elements = isOnGpu ? GPU_CALL_COST_ELEMENTS : CALL_COST_ELEMENTS;
        int callCost = Math.max(1, elements / (2 * config.keyWidth()));
        return new AttentionTiling(config.window(), callCost, deterministic);
    }

    /** The chunks of a prompt, except for the last, end at multiples of this. */
    public int chunkTokens() {
        return deterministic ? KvCache.TILE : 1;
    }

    /** The cached tokens that a call for these chunks reads. */
    Span span(KvBlock block, List<Chunk> chunks) {
        Chunk first = chunks.get(0);
        boolean sequenceStart =
                first.queries() > 1 && first.position() == 0 && first.queries() <= window.orElse(Integer.MAX_VALUE);
        int end = chunks.stream().mapToInt(Chunk::end).max().orElseThrow();
        int tokens = sequenceStart ? end : KvCache.roundUp(end);
        return new Span(Math.min(block.capacity(), tokens), Math.min(block.ringCapacity(), tokens), sequenceStart);
    }

    /**
     * Whether a row with one query joins the call of the rows before it: that costs no more than a call of its own.
     *
     * @param call the rows of the call, at least one, ordered by slot
     */
    boolean shares(KvBlock block, List<Chunk> call, Chunk next) {
        int end = call.stream().mapToInt(Chunk::end).max().orElseThrow();
        if (deterministic && KvCache.roundUp(end) != KvCache.roundUp(next.end())) {
            return false;
        }
        int first = call.get(0).slot().index();
        int slots = call.get(call.size() - 1).slot().index() - first + 1;
        return cost(block, next.slot().index() - first + 1, Math.max(end, next.end()))
                <= cost(block, slots, end) + cost(block, 1, next.end());
    }

    /**
     * The most queries of a call. The limit bounds the memory of the scores; in a ring buffer, it also prevents new
     * tokens from overwriting tokens in the window of the first query.
     *
     * @param position the position of the first query
     * @param tokens   the length of the sequence after this step
     */
    int maxQueries(KvBlock block, int position, int tokens) {
        int max = Math.max(1, MAX_SCORES / KvCache.roundUp(deterministic ? position + 1 : tokens));
        if (tokens > block.ringCapacity()) {
            max = Math.min(max, block.ringCapacity() - window.orElseThrow() + 1);
        }
        return deterministic ? Math.min(max, KvCache.TILE - position % KvCache.TILE) : max;
    }

    /**
     * The cost of a call with one query per slot, in cached tokens of one sequence.
     *
     * @param tokens the length of the longest sequence in these slots
     */
    long cost(KvBlock block, int slots, int tokens) {
        return callCost + (long) slots * Math.min(block.capacity(), KvCache.roundUp(tokens));
    }
}
