package io.tidemark.cli.model;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ComputeTypeChoice;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.nio.file.Path;
import java.util.Collection;
import java.util.function.Function;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code --model} and the device of the commands that run a base model in this process, of any compute type. */
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
    private DeviceOptions device = new DeviceOptions();

    /**
     * Loads the model; the caller closes it.
     *
     * @throws io.tidemark.cli.console.CommandException as {@link LocalModel#open}
     */
    public final LocalModel open(ModelOptions compute) {
        return open(torch -> compute);
    }

    final LocalModel open(Function<Torch, ModelOptions> compute) {
        return LocalModel.open(folder, device.torch(), compute);
    }

    /**
     * The type of a choice on the device.
     *
     * @throws io.tidemark.cli.console.CommandException when the device can't be used
     */
    public final ComputeType resolve(ComputeTypeChoice choice) {
        try (Torch torch = LocalModel.opened(() -> Torch.open(device.torch()))) {
            return choice.resolve(torch.gpuCapability());
        }
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
