package io.tidemark.decoder;

import io.tidemark.decoder.script.DecoderScript;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.GraphOperators;
import io.tidemark.torch.OperatorLibrary;
import io.tidemark.torch.OperatorLibrary.Family;
import io.tidemark.torch.OperatorLibrary.Loading;
import java.util.function.Supplier;

/** Chooses the kernels of a decoder for this processor. */
final class KernelChoice {

    private static final System.Logger LOG = System.getLogger(KernelChoice.class.getName());

    private KernelChoice() {}

    /**
     * The kernels that a decoder with these options uses; never {@link Kernels#AUTO}.
     *
     * @throws IllegalArgumentException if the options choose kernels that this process or processor does not support
     */
    static Kernels of(ModelOptions options, boolean onGpu) {
        return of(options, onGpu, OperatorLibrary::load);
    }

    static Kernels of(ModelOptions options, boolean onGpu, Supplier<Loading> operators) {
        Kernels wanted = options.kernels();
        if (wanted == Kernels.CUDA_GRAPHS) {
            return withGraphs(onGpu);
        }
        if (wanted == Kernels.TORCH || options.computeType() != ComputeType.INT8 || onGpu) {
            return Kernels.TORCH;
        }
        Loading loading = operators.get();
        if (wanted == Kernels.AUTO) {
            loading.reason()
                    .ifPresent(reason -> LOG.log(System.Logger.Level.INFO, "kernels: torch, because {0}", reason));
            return loading.best().map(best -> Kernels.valueOf(best.name())).orElse(Kernels.TORCH);
        }
        Family best = loading.best()
                .orElseThrow(() -> new IllegalArgumentException("kernels " + wanted.label() + " can't be used: "
                        + loading.reason().orElseThrow()));
        if (best.compareTo(Family.valueOf(wanted.name())) < 0) {
            throw new IllegalArgumentException("the processor lacks the instructions of the kernels " + wanted.label()
                    + "; its fastest are " + Kernels.valueOf(best.name()).label());
        }
        return wanted;
    }

    private static Kernels withGraphs(boolean onGpu) {
        if (!onGpu) {
            throw new IllegalArgumentException("kernels cuda-graphs need a GPU, such as the device cuda:0");
        }
        GraphOperators.load().ifPresent(reason -> {
            throw new IllegalArgumentException("kernels cuda-graphs can't be used: " + reason);
        });
        return Kernels.CUDA_GRAPHS;
    }

    /** The native decoder's number of these kernels; {@link DecoderScript#NONE} for {@link Kernels#TORCH}. */
    static long number(Kernels kernels) {
        return kernels.isFamily() ? Family.valueOf(kernels.name()).ordinal() : DecoderScript.NONE;
    }
}
