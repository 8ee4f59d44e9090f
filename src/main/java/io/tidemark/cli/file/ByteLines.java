package io.tidemark.cli.file;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * The lines of a stream as bytes, one after the other, in bounded memory. Lines end with a line feed; the last one may
 * end without. Used by one thread.
 */
final class ByteLines {

    private static final int BUFFER_BYTES = 1 << 16;

    private final InputStream in;
    private final int maxBytes;
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private final MessageDigest digest = sha256();
    private MessageDigest digestBefore = sha256();
    private int at;
    private int end;

    private ByteArrayOutputStream line = new ByteArrayOutputStream();
    private boolean tooLong;
    private boolean terminated;
    private boolean blank;
    private long number;
    private long start;
    private long offset;

    /** @param maxBytes how many bytes of a line are kept; the rest of a longer line is dropped */
    ByteLines(InputStream in, int maxBytes) {
        this.in = in;
        this.maxBytes = maxBytes;
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** Reads the next line; returns false if there is none. */
    boolean next() throws IOException {
        if (line.size() > BUFFER_BYTES) {
            line = new ByteArrayOutputStream();
        }
        line.reset();
        tooLong = false;
        terminated = false;
        blank = true;
        start = offset;
        MessageDigest before = copy(digest);
        while (!terminated && (at < end || fill())) {
            int stop = at;
            while (stop < end && buffer[stop] != '\n') {
                blank &= buffer[stop] == ' ' || buffer[stop] == '\t' || buffer[stop] == '\r';
                stop++;
            }
            keep(stop - at);
            terminated = stop < end;
            int read = stop - at + (terminated ? 1 : 0);
            digest.update(buffer, at, stop - at);
            offset += read;
            at += read;
        }
        if (offset == start) {
            return false;
        }
        digestBefore = before;
        digest.update((byte) '\n');
        number++;
        return true;
    }

    private boolean fill() throws IOException {
        at = 0;
        end = Math.max(0, in.read(buffer));
        return end > 0;
    }

    private void keep(int length) {
        int kept = Math.min(length, maxBytes - line.size());
        line.write(buffer, at, kept);
        tooLong |= kept < length;
    }

    /** The bytes of the line, without the line feed. */
    byte[] bytes() {
        return line.toByteArray();
    }

    /** Whether the line has more bytes than are kept. */
    boolean isTooLong() {
        return tooLong;
    }

    /** Whether the line ends with a line feed. */
    boolean isTerminated() {
        return terminated;
    }

    /** Whether the line has only spaces, tabs and carriage returns. */
    boolean isBlank() {
        return blank;
    }

    /** The number of the line, from 1. */
    long number() {
        return number;
    }

    /** The position of the line's first byte in the stream. */
    long start() {
        return start;
    }

    /** The SHA-256 of all lines so far, each with a line feed. */
    String digest() {
        return HexFormat.of().formatHex(copy(digest).digest());
    }

    /** The digest of the lines before the last one that was read, see {@link #digest}. */
    String digestBefore() {
        return HexFormat.of().formatHex(copy(digestBefore).digest());
    }

    private static MessageDigest copy(MessageDigest digest) {
        try {
            return (MessageDigest) digest.clone();
        } catch (CloneNotSupportedException e) {
            throw new IllegalStateException("the digest cannot be copied", e);
        }
    }
}
