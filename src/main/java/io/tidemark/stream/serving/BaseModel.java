package io.tidemark.stream.serving;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.util.Optional;

/** libtorch, and the base model in it. */
record BaseModel(Torch torch, LanguageModel model) implements AutoCloseable {

    /** Takes seconds to minutes. What can't be loaded ends it with an exception that names file and reason. */
    static BaseModel load(ModelChoice choice) {
        Torch torch = Torch.open(choice.torch());
        try {
            ComputeType type = computeType(choice.computeType(), torch.isOnGpu());
            LanguageModel model = LanguageModel.load(
                    choice.folder(),
                    choice.name(),
                    torch,
                    new ModelOptions(type, choice.deterministic(), choice.packedLoraBytes()));
            torch.compactMemory();
            return new BaseModel(torch, model);
        } catch (RuntimeException e) {
            torch.close();
            throw e;
        }
    }

    /** A GPU has units for 16 bits; on a CPU exactness comes first, and what is faster depends on the CPU. */
    static ComputeType computeType(Optional<String> wanted, boolean onGpu) {
        return wanted.map(ComputeType::of).orElse(onGpu ? ComputeType.BF16 : ComputeType.FP32);
    }

    @Override
    public void close() {
        model.close();
        torch.close();
    }
}
