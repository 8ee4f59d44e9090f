package io.tidemark.cli.model;

import io.tidemark.torch.Processors;
import io.tidemark.torch.TorchOptions;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code --device} and {@code --threads} of every command that computes in this process. */
public final class DeviceOptions {

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            defaultValue = "cpu",
            description =
                    "cpu, cuda:N, or auto: the first GPU if libtorch can use one, otherwise cpu. Default: ${DEFAULT-VALUE}.")
    private String device;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Threads that compute; 0: one per processor of the CPU quota. Default: ${DEFAULT-VALUE}.")
    private int threads;

    /**
     * The options of libtorch.
     *
     * @throws ParameterException when the number is negative, or there is no device of this name
     */
    public TorchOptions torch() {
        if (threads < 0) {
            throw new ParameterException(command.commandLine(), "--threads must be 0 or more");
        }
        try {
            return new TorchOptions(device, threads > 0 ? threads : Processors.available());
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), "--device: " + e.getMessage(), e);
        }
    }
}
