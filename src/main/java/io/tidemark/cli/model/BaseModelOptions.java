package io.tidemark.cli.model;

import io.tidemark.model.ModelOptions;
import io.tidemark.torch.TorchOptions;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Which base model runs in this process, and on how many threads. */
public final class BaseModelOptions {

    @Option(
            names = "--model",
            required = true,
            paramLabel = "DIR",
            description = "The base model's Hugging Face folder.")
    private Path folder;

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "0",
            description = "Threads of the engine; 0 takes one a core. Default: ${DEFAULT-VALUE}.")
    private int threads;

    /** Loads the model, for commands that choose by themselves what it computes in; others take {@link LocalModelOptions}. */
    public LocalModel open(ModelOptions compute) {
        return LocalModel.open(folder, new TorchOptions("cpu", threads), compute);
    }
}
