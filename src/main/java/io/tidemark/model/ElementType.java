package io.tidemark.model;

/** Element types that weights may have on disk, with libtorch's scalar type codes ({@code c10/core/ScalarType.h}). */
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

    /** Of one element. */
    public int bytes() {
        return bytes;
    }

    public int torchCode() {
        return torchCode;
    }
}
