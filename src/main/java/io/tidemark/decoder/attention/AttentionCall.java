package io.tidemark.decoder.attention;

import io.tidemark.decoder.kvcache.KvBlock;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.script.DecoderLayouts.CallField;
import io.tidemark.decoder.script.DecoderLayouts.CallKind;
import io.tidemark.decoder.script.DecoderScript;
import java.util.List;

/**
 * One attention call on a contiguous range of slots of one block. Each chunk has the same number of queries; slots of
 * the range without a chunk are computed too and their results discarded.
 *
 * @param chunks  ordered by slot; a call with several chunks has one query per chunk
 * @param queries new tokens of each chunk
 * @param span    the cached tokens that the call reads
 */
public record AttentionCall(KvBlock block, List<Chunk> chunks, int queries, Span span) {

    private static final int FIELDS = CallField.values().length;

    /**
     * Consecutive tokens of one row.
     *
     * @param firstToken index of the first token among all tokens of the step
     * @param position   position of the first token in its sequence
     * @param queries    number of tokens
     */
    public record Chunk(KvSlot slot, int firstToken, int position, int queries) {

        /** Length of the sequence up to the end of this chunk. */
        int end() {
            return position + queries;
        }
    }

    /**
     * The cached tokens that a call reads.
     *
     * @param tokens        how many cached tokens the call reads in layers without a window
     * @param ringTokens    how many cached tokens the call reads in layers with a window
     * @param sequenceStart whether the queries are the first tokens of their sequence: plain causal attention, no mask
     */
    record Span(int tokens, int ringTokens, boolean sequenceStart) {}

    int firstSlot() {
        return chunks.get(0).slot().index();
    }

    int endSlot() {
        return chunks.get(chunks.size() - 1).slot().index() + 1;
    }

    /** Rows that the call computes, including those of slots without a chunk. */
    int rows() {
        return (endSlot() - firstSlot()) * queries;
    }

    /**
     * The call as the script takes it, a {@link CallField} list.
     *
     * @param blockIndex index of the block in the step's list of blocks
     */
    public long[] numbers(int blockIndex) {
        boolean single = chunks.size() == 1 && queries == 1;
        long[] numbers = new long[FIELDS];
        numbers[CallField.BLOCK.ordinal()] = blockIndex;
        numbers[CallField.FIRST_SLOT.ordinal()] = firstSlot();
        numbers[CallField.END_SLOT.ordinal()] = endSlot();
        numbers[CallField.QUERIES.ordinal()] = queries;
        numbers[CallField.SPAN.ordinal()] = span.tokens();
        numbers[CallField.KIND.ordinal()] = (span.sequenceStart() ? CallKind.CAUSAL : CallKind.CACHED).ordinal();
        numbers[CallField.RING_CAPACITY.ordinal()] = block.ringCapacity();
        numbers[CallField.RING_SPAN.ordinal()] = span.ringTokens();
        numbers[CallField.ONLY_POSITION.ordinal()] = single ? chunks.get(0).position() : DecoderScript.NONE;
        return numbers;
    }
}
