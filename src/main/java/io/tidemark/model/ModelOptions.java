package io.tidemark.model;

/**
 * How a model computes.
 *
 * @param computeType   of the linear modules
 * @param deterministic a row's logits are bit for bit the same whatever runs beside it; with {@link ComputeType#INT8} only
 */
public record ModelOptions(ComputeType computeType, boolean deterministic) {

    public static final ModelOptions DEFAULT = new ModelOptions(ComputeType.FP32, false);

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
}
