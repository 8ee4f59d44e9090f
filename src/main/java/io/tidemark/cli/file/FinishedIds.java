package io.tidemark.cli.file;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.BitSet;
import java.util.OptionalInt;

/**
 * Which ids have a result, and which ids the input has had so far. An id of the input takes 26 to 51 bytes: 128 bits of
 * its SHA-256 and a byte of flags, in an open-addressing table that is one third to two thirds full. An id of a line
 * number takes one bit. Used by one thread.
 */
final class FinishedIds {

    private static final int FIRST_CAPACITY = 1024;
    private static final byte FINISHED = 1;
    private static final byte READ = 2;

    private final LineIds lineIds;
    private final BitSet finishedLines = new BitSet();
    private final MessageDigest digest = ByteLines.sha256();

    /** Two for each slot; both are 0 in a free one. */
    private long[] hashes = new long[2 * FIRST_CAPACITY];

    private byte[] flags = new byte[FIRST_CAPACITY];
    private int size;

    /** The hash of the id in question. */
    private long first;

    private long second;

    FinishedIds(LineIds lineIds) {
        this.lineIds = lineIds;
    }

    /** Notes that an id has a result, or needs none from this run. Returns false if that was known. */
    boolean finish(String id) {
        OptionalInt line = lineIds.line(id);
        if (line.isPresent()) {
            boolean known = finishedLines.get(line.getAsInt());
            finishedLines.set(line.getAsInt());
            return !known;
        }
        return mark(id, FINISHED);
    }

    boolean isFinished(String id) {
        OptionalInt line = lineIds.line(id);
        if (line.isPresent()) {
            return finishedLines.get(line.getAsInt());
        }
        hash(id);
        return (flags[slot(first, second)] & FINISHED) != 0;
    }

    /** Notes an id that a line of the input has. Returns false if it belongs to another line. */
    boolean read(String id) {
        return lineIds.line(id).isEmpty() && mark(id, READ);
    }

    private boolean mark(String id, byte flag) {
        if (3L * size >= 2L * flags.length) {
            grow();
        }
        hash(id);
        int slot = slot(first, second);
        if (flags[slot] == 0) {
            hashes[2 * slot] = first;
            hashes[2 * slot + 1] = second;
            size++;
        }
        boolean known = (flags[slot] & flag) != 0;
        flags[slot] |= flag;
        return !known;
    }

    private void hash(String id) {
        ByteBuffer hash = ByteBuffer.wrap(digest.digest(id.getBytes(StandardCharsets.UTF_8)));
        first = hash.getLong();
        second = hash.getLong();
    }

    /** The slot of a hash, or the free one where it belongs. */
    private int slot(long one, long two) {
        int slot = (int) (one & flags.length - 1);
        while (flags[slot] != 0 && (hashes[2 * slot] != one || hashes[2 * slot + 1] != two)) {
            slot = slot + 1 & flags.length - 1;
        }
        return slot;
    }

    private void grow() {
        long[] oldHashes = hashes;
        byte[] oldFlags = flags;
        hashes = new long[2 * oldHashes.length];
        flags = new byte[2 * oldFlags.length];
        for (int old = 0; old < oldFlags.length; old++) {
            if (oldFlags[old] != 0) {
                int slot = slot(oldHashes[2 * old], oldHashes[2 * old + 1]);
                hashes[2 * slot] = oldHashes[2 * old];
                hashes[2 * slot + 1] = oldHashes[2 * old + 1];
                flags[slot] = oldFlags[old];
            }
        }
    }
}
