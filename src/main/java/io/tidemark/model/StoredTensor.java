package io.tidemark.model;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * A tensor of a safetensors file.
 *
 * @param bytes mapped memory of the file: little-endian elements in row-major order; must not be written
 */
public record StoredTensor(String name, ElementType type, List<Long> shape, ByteBuffer bytes) {

    public StoredTensor {
        shape = List.copyOf(shape);
    }
}
