package io.tidemark.cli.model;

import io.tidemark.torch.Processors;
import io.tidemark.torch.TorchOptions;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code --threads} of every command that computes in this process. */
public final class ThreadsOption {

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Threads that compute; 0: one per processor of the CPU quota. Default: ${DEFAULT-VALUE}.")
    private int threads;

    /**
     * The options of libtorch on the CPU.
     *
     * @throws ParameterException when the number is negative
     */
    public TorchOptions torch() {
        if (threads < 0) {
            throw new ParameterException(command.commandLine(), "--threads must be 0 or more");
        }
        return new TorchOptions("cpu", threads > 0 ? threads : Processors.available());
    }
}
