package io.tidemark.decoder;

import io.tidemark.decoder.script.DecoderScript;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import java.util.List;

/** Chooses the kernels of a decoder for this processor. */
final class KernelChoice {

    /** In the order of the native decoder's numbers (native/decoder/decoder.h), from the most general to the fastest. */
    private static final List<Kernels> FAMILIES = List.of(Kernels.AVX2, Kernels.VNNI, Kernels.VNNI_BF16, Kernels.AMX);

    private KernelChoice() {}

    /**
     * The kernels that a decoder with these options uses; never {@link Kernels#AUTO}.
     *
     * @throws IllegalArgumentException if the options choose kernels that this process or processor does not support
     */
    static Kernels of(ModelOptions options, boolean onGpu) {
        if (options.kernels() == Kernels.TORCH || options.computeType() != ComputeType.INT8 || onGpu) {
            return Kernels.TORCH;
        }
        if (options.kernels() == Kernels.AUTO) {
            return Kernels.TORCH;
        }
        throw new IllegalArgumentException(
                "kernels " + options.kernels().label() + " need the native decoder, which this build lacks");
    }

    /** The native decoder's number of these kernels; {@link DecoderScript#NONE} for {@link Kernels#TORCH}. */
    static long number(Kernels kernels) {
        return FAMILIES.indexOf(kernels);
    }
}
