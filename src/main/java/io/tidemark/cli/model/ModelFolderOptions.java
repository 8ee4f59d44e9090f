package io.tidemark.cli.model;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.model.ModelOptions;
import java.nio.file.Path;
import java.util.Collection;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code --model} and {@code --threads} of the commands that run a base model in this process, of any compute type. */
public class ModelFolderOptions {

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--model",
            required = true,
            paramLabel = "DIR",
            description = "Hugging Face folder of the base model.")
    private Path folder;

    @Mixin
    private ThreadsOption threads = new ThreadsOption();

    /**
     * Loads the model; the caller closes it.
     *
     * @throws io.tidemark.cli.console.CommandException when there is no folder
     */
    public final LocalModel open(ModelOptions compute) {
        return LocalModel.open(folder, threads.torch(), compute);
    }

    public final Path folder() {
        return folder;
    }

    /** @throws ParameterException when a value of {@code --boundary} is not a boundary of the model */
    public final void requireBoundaries(LanguageModel model, Collection<Integer> boundaries) {
        int layers = model.config().numLayers();
        if (boundaries.stream().anyMatch(boundary -> boundary < 0 || boundary > layers)) {
            throw new ParameterException(
                    command.commandLine(), "--boundary must be 0 to " + layers + " for this model");
        }
    }
}
