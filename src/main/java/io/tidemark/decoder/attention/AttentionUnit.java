package io.tidemark.decoder.attention;

import io.tidemark.decoder.kvcache.KvBlock;
import io.tidemark.decoder.kvcache.KvSlot;
import java.util.List;

/**
 * One attention call: pieces of rows with equally many queries, on a run of neighbouring slots of one block. A slot of the
 * run that has no piece in it is computed and thrown away. Or short beginnings of several sequences of one block, packed: the call
 * has all their tokens, and a mask keeps them apart.
 *
 * @param pieces  by slot, or packed in the order of their tokens; several only where each has one query, or all are packed
 * @param queries new tokens of each piece; of all pieces together where they are packed
 * @param span    how far back the call reads
 */
public record AttentionUnit(KvBlock block, List<Piece> pieces, int queries, AttentionSpan span) {

    /** Neighbouring tokens of a row that attend in one call, and the index of the first among all tokens of the step. */
    public record Piece(KvSlot slot, int firstToken, int position, int queries) {

        /** Tokens of the sequence up to and with this piece. */
        int end() {
            return position + queries;
        }
    }

    public int firstSlot() {
        return pieces.get(0).slot().index();
    }

    public int endSlot() {
        return pieces.get(pieces.size() - 1).slot().index() + 1;
    }

    /** Whether the pieces are beginnings of several sequences. */
    public boolean isPacked() {
        return pieces.size() > 1 && pieces.get(0).queries() > 1;
    }

    /** Rows that the call computes. */
    public int rows() {
        return isPacked() ? queries : (endSlot() - firstSlot()) * queries;
    }

    /** The numbers that {@code attention.torchscript} takes for a unit. */
    public long[] numbers(int blockIndex) {
        int end = isPacked() ? firstSlot() + 1 : endSlot();
        long kind = isPacked() ? 2 : span.isBeginning() ? 1 : 0;
        long only = pieces.size() == 1 && queries == 1 ? pieces.get(0).position() : -1;
        return new long[] {
            blockIndex, firstSlot(), end, queries, span.tokens(), kind, block.ringCapacity(), span.ringTokens(), only
        };
    }
}
