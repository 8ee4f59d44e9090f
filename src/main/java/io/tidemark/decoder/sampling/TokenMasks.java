package io.tidemark.decoder.sampling;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.Collection;
import java.util.stream.IntStream;

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

    public Mask mask(int row) {
        return new Mask(this, row);
    }

    /** All masks as a direct buffer. */
    ByteBuffer bytes() {
        return bytes;
    }

    /**
     * The tokens that may be sampled in one row of a step.
     *
     * @param masks the masks of the step
     * @param row   index of the row's mask
     */
    public record Mask(TokenMasks masks, int row) {

        /** Whether a token of the vocabulary may be sampled. */
        public boolean allows(int token) {
            return token < masks.vocabulary && (word(token / Integer.SIZE) >>> token % Integer.SIZE & 1) != 0;
        }

        /** Whether no token may be sampled. */
        public boolean isEmpty() {
            return IntStream.range(0, masks.words).allMatch(i -> word(i) == 0);
        }

        /** Whether no tokens may be sampled but these, which are distinct. */
        public boolean allowsOnly(Collection<Integer> tokens) {
            int count = IntStream.range(0, masks.words)
                    .map(i -> Integer.bitCount(word(i)))
                    .sum();
            return tokens.stream().filter(this::allows).count() == count;
        }

        private int word(int index) {
            return masks.bits.get(row * masks.words + index);
        }
    }
}
