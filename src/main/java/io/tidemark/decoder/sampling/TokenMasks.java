package io.tidemark.decoder.sampling;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;

/**
 * The tokens that may be sampled in the constrained rows of a step: one bit per token, one mask per row. Bit {@code t %
 * 32} of word {@code t / 32} is set if token {@code t} may be sampled. The buffer belongs to one step at a time: it
 * must not change until the step has ended. Used by one thread at a time.
 */
public final class TokenMasks {

    private final int vocabulary;
    private final int words;
    private final ByteBuffer bytes;
    private final IntBuffer bits;

    /**
     * @param rows       number of masks, 1 or more
     * @param vocabulary number of token ids
     */
    public TokenMasks(int rows, int vocabulary) {
        this.vocabulary = vocabulary;
        words = words(vocabulary);
        bytes = ByteBuffer.allocateDirect(Math.multiplyExact(rows * words, Integer.BYTES))
                .order(ByteOrder.nativeOrder());
        bits = bytes.asIntBuffer();
    }

    /** Words of 32 bits in a mask. */
    static int words(int vocabulary) {
        return (vocabulary + Integer.SIZE - 1) / Integer.SIZE;
    }

    /** How many masks fit. */
    public int rows() {
        return bits.capacity() / words;
    }

    /** The words of the first masks, in native byte order; what is written to them is in the masks. */
    public IntBuffer bits(int rows) {
        return bits.slice(0, rows * words);
    }

    /** The words of one mask, in native byte order; what is written to them is in the mask. */
    public IntBuffer row(int row) {
        return bits.slice(row * words, words);
    }

    /** The mask of a row. */
    public TokenMask mask(int row) {
        return new TokenMask(this, row);
    }

    /** All masks as a direct buffer. */
    ByteBuffer bytes() {
        return bytes;
    }

    boolean allows(int row, int token) {
        return token < vocabulary && (bits.get(row * words + token / Integer.SIZE) >>> token % Integer.SIZE & 1) != 0;
    }

    /** Number of tokens that a mask allows. */
    int count(int row) {
        int count = 0;
        for (int word = row * words; word < (row + 1) * words; word++) {
            count += Integer.bitCount(bits.get(word));
        }
        return count;
    }

    boolean isEmpty(int row) {
        for (int word = row * words; word < (row + 1) * words; word++) {
            if (bits.get(word) != 0) {
                return false;
            }
        }
        return true;
    }
}
