package io.tidemark.stream.serving;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.util.Optional;

/** The base model with its libtorch context, loaded once for all services of the process. */
record LoadedModel(Torch torch, LanguageModel model) implements AutoCloseable {

    /**
     * Loads the base model. Takes seconds to minutes.
     *
     * @throws RuntimeException that names file and reason when the model can't be loaded, or the thread is interrupted
     */
    static LoadedModel load(ModelChoice choice) {
        Torch torch = Torch.open(choice.torch());
        try {
            ComputeType type = computeType(choice.computeType(), torch.isOnGpu());
            LanguageModel model = LanguageModel.load(
                    choice.folder(),
                    choice.name(),
                    torch,
                    new ModelOptions(type, choice.deterministic(), choice.packedLoraBytes()));
            torch.compactMemory();
            return new LoadedModel(torch, model);
        } catch (RuntimeException e) {
            torch.close();
            throw e;
        }
    }

    /** The configured type, else {@code bf16} on a GPU, which has units for it, and the exact {@code fp32} on a CPU. */
    static ComputeType computeType(Optional<String> configured, boolean onGpu) {
        return configured.map(ComputeType::of).orElse(onGpu ? ComputeType.BF16 : ComputeType.FP32);
    }

    @Override
    public void close() {
        model.close();
        torch.close();
    }
}
