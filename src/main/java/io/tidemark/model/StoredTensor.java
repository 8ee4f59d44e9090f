package io.tidemark.model;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * A tensor as it lies in a safetensors file.
 *
 * @param bytes the file's mapped memory: little-endian elements in row-major order, not to be written
 */
public record StoredTensor(String name, ElementType type, List<Long> shape, ByteBuffer bytes) {

    public StoredTensor {
        shape = List.copyOf(shape);
    }
}
