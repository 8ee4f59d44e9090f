package io.tidemark.model;

/**
 * Options of the computation of a model.
 *
 * @param computeType     numeric type of the linear modules
 * @param deterministic   a row's logits do not depend, bit for bit, on the other rows of the batch; requires
 *                        {@link ComputeType#INT8}
 * @param packedLoraBytes limit in bytes for packed LoRA groups that no row uses, and for the group that is fused with
 *                        the base model. A group is fused only if the copy of the linear modules takes at most half of
 *                        this
 */
public record ModelOptions(ComputeType computeType, boolean deterministic, long packedLoraBytes) {

    /** Default of {@code packedLoraBytes}: twice the linear modules of a small model. */
    public static final long PACKED_LORA_BYTES = 512L << 20;

    public static final ModelOptions DEFAULT = new ModelOptions(ComputeType.FP32);

    /** @throws IllegalArgumentException if {@code deterministic} is set for another type than int8 */
    public ModelOptions {
        if (deterministic && computeType != ComputeType.INT8) {
            throw new IllegalArgumentException("deterministic needs the compute type int8, not " + computeType.label()
                    + ": only integer sums do not depend on the order of their terms");
        }
    }

    public ModelOptions(ComputeType computeType) {
        this(computeType, false);
    }

    public ModelOptions(ComputeType computeType, boolean deterministic) {
        this(computeType, deterministic, PACKED_LORA_BYTES);
    }
}
