package io.tidemark.model;

/**
 * How a model computes.
 *
 * @param computeType   of the linear modules
 * @param deterministic a row's logits are bit for bit the same whatever runs beside it; with {@link ComputeType#INT8} only
 * @param packedLoraBytes    what stacks of adapters that no row needs may take, with the copy of the linears that one is joined with;
 *                      where the copy would be more than half of it there is none
 */
public record ModelOptions(ComputeType computeType, boolean deterministic, long packedLoraBytes) {

    /** What a copy of a small model's linears takes and as much again. */
    public static final long PACKED_LORA_BYTES = 512L << 20;

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
        this(computeType, deterministic, PACKED_LORA_BYTES);
    }
}
