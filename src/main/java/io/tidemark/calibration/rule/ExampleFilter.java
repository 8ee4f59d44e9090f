package io.tidemark.calibration.rule;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/**
 * A Bloom filter of the examples and groups that a partition has counted in an epoch (Bloom 1970): four slices of
 * 32,768 bits, in each of which an entry has one bit. An entry whose bits are set is a repeat. A wrong skip has a
 * probability of 0.02% at 4,000 entries and of 0.2% when the filter is full; it does not depend on scores. Immutable.
 */
public final class ExampleFilter {

    private static final int SLICE = 1 << 15;
    private static final int BYTES = 4 * SLICE / Byte.SIZE;

    /** A filter with this many bits is full: about 8,000 entries. */
    private static final int FULL_BITS = 28_400;

    /** The filter without entries. */
    static final ExampleFilter EMPTY = new ExampleFilter(new byte[BYTES]);

    /** The bits of one entry, by their places in the filter. */
    public record Bits(int first, int second, int third, int fourth) {

        /** @param identity see {@code ValidationBatch.Example.identity} */
        public static Bits ofExample(String identity) {
            return of("example\0" + identity);
        }

        /** The bits of a group, by its name. */
        public static Bits ofGroup(String name) {
            return of("group\0" + name);
        }

        /** Word i of 16 bits of the SHA-256, big-endian and without its highest bit, is the place in slice i. */
        private static Bits of(String entry) {
            try {
                byte[] digest = MessageDigest.getInstance("SHA-256").digest(entry.getBytes(StandardCharsets.UTF_8));
                return of(ByteBuffer.wrap(digest).getLong());
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("SHA-256 is part of every JDK", e);
            }
        }

        /** The bits of the first eight bytes of a digest. */
        public static Bits of(long digest) {
            return new Bits(place(digest, 0), place(digest, 1), place(digest, 2), place(digest, 3));
        }

        private static int place(long digest, int slice) {
            return slice * SLICE + (int) (digest >>> 48 - 16 * slice & SLICE - 1);
        }
    }

    /** Bit w is bit {@code w % 8} of byte {@code w / 8}; bit 0 of a byte has the value 1. */
    private final byte[] bytes;

    private ExampleFilter(byte[] bytes) {
        this.bytes = bytes;
    }

    /** @throws IllegalArgumentException if the text is not base64 of 16,384 bytes */
    static ExampleFilter parse(String base64) {
        byte[] bytes = Base64.getDecoder().decode(base64);
        if (bytes.length != BYTES) {
            throw new IllegalArgumentException("filter must have " + BYTES + " bytes: " + bytes.length);
        }
        return new ExampleFilter(bytes);
    }

    /** The bytes in base64. */
    String written() {
        return Base64.getEncoder().encodeToString(bytes);
    }

    /** Whether the entry was counted, or all its bits are set by others. */
    boolean contains(Bits entry) {
        return isSet(entry.first()) && isSet(entry.second()) && isSet(entry.third()) && isSet(entry.fourth());
    }

    /** Whether so many bits are set that wrong skips would become frequent. */
    boolean isFull() {
        return bits() >= FULL_BITS;
    }

    /** This filter with more entries. */
    ExampleFilter plus(List<Bits> entries) {
        byte[] next = bytes.clone();
        for (Bits entry : entries) {
            set(next, entry.first());
            set(next, entry.second());
            set(next, entry.third());
            set(next, entry.fourth());
        }
        return new ExampleFilter(next);
    }

    private boolean isSet(int bit) {
        return (bytes[bit >> 3] & 1 << (bit & 7)) != 0;
    }

    private static void set(byte[] bytes, int bit) {
        bytes[bit >> 3] |= (byte) (1 << (bit & 7));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ExampleFilter that && Arrays.equals(bytes, that.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }

    private int bits() {
        int set = 0;
        for (byte each : bytes) {
            set += Integer.bitCount(each & 0xff);
        }
        return set;
    }

    @Override
    public String toString() {
        return "ExampleFilter(" + bits() + " bits)";
    }
}
