package io.tidemark.model;

/**
 * How a model computes.
 *
 * @param computeType   of the linear modules
 * @param deterministic a row's logits are bit for bit the same whatever runs beside it; with {@link ComputeType#INT8} only
 * @param joinedBytes   how large a copy of the linears in 8 bits may be, joined with the adapters that run; 0 makes none
 */
public record ModelOptions(ComputeType computeType, boolean deterministic, long joinedBytes) {

    /** What a copy of a small model's linears takes; larger models gain less from it. */
    public static final long JOINED_BYTES = 256L << 20;
    public static final ModelOptions DEFAULT = new ModelOptions(ComputeType.FP32);

    /** @throws IllegalArgumentException where determinism is asked of another type than int8 */
    public ModelOptions {
        if (deterministic && computeType != ComputeType.INT8) {
            throw new IllegalArgumentException("deterministic needs the compute type int8, not " + computeType.label()
                    + ": sums of whole numbers alone don't depend on their order");
        }
    }

    public ModelOptions(ComputeType computeType) {
        this(computeType, false);
    }

    public ModelOptions(ComputeType computeType, boolean deterministic) {
        this(computeType, deterministic, JOINED_BYTES);
    }
}
