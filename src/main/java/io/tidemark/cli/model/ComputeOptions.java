package io.tidemark.cli.model;

import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.RootCommand;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ComputeTypeChoice;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/**
 * {@code --compute-type}, {@code --kernels} and {@code --deterministic} of the commands that load one model.
 */
public final class ComputeOptions {

    @Option(
            names = "--compute-type",
            paramLabel = "TYPE",
            description =
                    "fp32, bf16, int8, or auto: int8 on x86-64, otherwise fp32; bf16 on a GPU that has it. Default: ${DEFAULT-VALUE}.")
    private ComputeTypeChoice type;

    @Option(
            names = "--kernels",
            paramLabel = "KERNELS",
            defaultValue = "auto",
            description =
                    "auto: the fastest of the processor with int8, otherwise torch; or torch, amx, vnni-bf16, vnni, avx2, cuda-graphs. "
                            + "Default: ${DEFAULT-VALUE}.")
    private Kernels kernels;

    @Option(
            names = "--deterministic",
            description = "Logits do not depend on the other sequences of the batch; requires int8.")
    private boolean deterministic;

    /** Options whose default is {@code auto}. */
    public ComputeOptions() {
        this.type = ComputeTypeChoice.AUTO;
    }

    /** @param type default of {@code --compute-type} */
    public ComputeOptions(ComputeType type) {
        this.type = new ComputeTypeChoice(Optional.of(type));
    }

    /**
     * The options of a model on a device.
     *
     * @throws CommandException when the type does not support {@code --deterministic} or {@code --kernels}
     */
    public ModelOptions options(Torch torch) {
        try {
            return new ModelOptions(type.resolve(torch.gpuCapability()), deterministic).with(kernels);
        } catch (IllegalArgumentException e) {
            throw new CommandException(e.getMessage(), e);
        }
    }

    /** Registers the parsers of the types of these options. */
    public static CommandLine parsedBy(CommandLine line) {
        return line.registerConverter(ComputeTypeChoice.class, RootCommand.checked(ComputeTypeChoice::of))
                .registerConverter(Kernels.class, RootCommand.checked(Kernels::of));
    }
}
