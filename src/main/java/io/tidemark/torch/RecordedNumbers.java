package io.tidemark.torch;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** The numbers of a recording's tensors, one after another in a file, little-endian. */
final class RecordedNumbers implements AutoCloseable {

    private final OutputStream file;
    private long written;

    /** Where numbers lie in the file, in bytes. */
    record Place(long at, int bytes) {}

    RecordedNumbers(Path file) throws IOException {
        this.file = new BufferedOutputStream(Files.newOutputStream(file));
    }

    /** @param content a byte buffer, or an array of {@code long}, {@code float} or {@code double} */
    Place append(Object content) {
        byte[] bytes = bytes(content);
        try {
            file.write(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Place place = new Place(written, bytes.length);
        written += bytes.length;
        return place;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    private static byte[] bytes(Object content) {
        if (content instanceof ByteBuffer buffer) {
            byte[] bytes = new byte[buffer.remaining()];
            buffer.duplicate().get(bytes);
            return bytes;
        }
        if (content instanceof long[] longs) {
            ByteBuffer bytes = littleEndian(longs.length * Long.BYTES);
            bytes.asLongBuffer().put(longs);
            return bytes.array();
        }
        if (content instanceof float[] floats) {
            ByteBuffer bytes = littleEndian(floats.length * Float.BYTES);
            bytes.asFloatBuffer().put(floats);
            return bytes.array();
        }
        double[] doubles = (double[]) content;
        ByteBuffer bytes = littleEndian(doubles.length * Double.BYTES);
        bytes.asDoubleBuffer().put(doubles);
        return bytes.array();
    }

    private static ByteBuffer littleEndian(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
