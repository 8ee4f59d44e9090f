package io.tidemark.model;

/**
 * Options of the computation of a model.
 *
 * @param computeType   numeric type of the linear modules
 * @param deterministic a row's logits do not depend, bit for bit, on the other rows of the batch; requires
 *                      {@link ComputeType#INT8}
 * @param kernels       what computes the layers and the head; kernels for an instruction set require
 *                      {@link ComputeType#INT8}
 */
public record ModelOptions(ComputeType computeType, boolean deterministic, Kernels kernels) {

    /**
     * @throws IllegalArgumentException if {@code deterministic} or kernels for an instruction set are chosen for
     *     another type than int8
     */
    public ModelOptions {
        if (deterministic && computeType != ComputeType.INT8) {
            throw new IllegalArgumentException("deterministic needs the compute type int8, not " + computeType.label()
                    + ": only integer sums do not depend on the order of their terms");
        }
        if (kernels.isFamily() && computeType != ComputeType.INT8) {
            throw new IllegalArgumentException(
                    "kernels " + kernels.label() + " need the compute type int8, not " + computeType.label());
        }
    }

    public ModelOptions(ComputeType computeType) {
        this(computeType, false);
    }

    public ModelOptions(ComputeType computeType, boolean deterministic) {
        this(computeType, deterministic, Kernels.AUTO);
    }

    /** These options with other kernels. */
    public ModelOptions with(Kernels other) {
        return new ModelOptions(computeType, deterministic, other);
    }
}
