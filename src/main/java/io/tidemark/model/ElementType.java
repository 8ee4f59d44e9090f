package io.tidemark.model;

/** Element types of stored weights. */
public enum ElementType {
    F16(2, 5),
    BF16(2, 15),
    F32(4, 6);

    private final int bytes;
    private final int torchCode;

    ElementType(int bytes, int torchCode) {
        this.bytes = bytes;
        this.torchCode = torchCode;
    }

    /** Bytes of one element. */
    public int bytes() {
        return bytes;
    }

    /** The scalar type code of libtorch ({@code c10/core/ScalarType.h}). */
    public int torchCode() {
        return torchCode;
    }
}
