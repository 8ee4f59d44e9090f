package io.tidemark.cli.model;

import io.tidemark.cli.console.CommandException;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code --compute-type}, {@code --kernels} and {@code --deterministic} of the commands that load one model. */
public final class ComputeOptions {

    @Option(
            names = "--compute-type",
            paramLabel = "TYPE",
            defaultValue = "fp32",
            converter = Converter.class,
            description = "fp32, bf16 or int8. Default: ${DEFAULT-VALUE}.")
    private ComputeType type;

    @Option(
            names = "--kernels",
            paramLabel = "KERNELS",
            defaultValue = "torch",
            converter = KernelsConverter.class,
            description = "torch; auto for the fastest of the processor with int8; or amx, vnni-bf16, vnni or avx2. "
                    + "Default: ${DEFAULT-VALUE}.")
    private Kernels kernels;

    @Option(
            names = "--deterministic",
            description = "Logits do not depend on the other sequences of the batch; requires int8.")
    private boolean deterministic;

    /** @throws CommandException when the type does not support {@code --deterministic} or {@code --kernels} */
    public ModelOptions options() {
        try {
            return new ModelOptions(type, deterministic).with(kernels);
        } catch (IllegalArgumentException e) {
            throw new CommandException(e.getMessage(), e);
        }
    }

    /** Converts the names of compute types that settings use too. */
    public static final class Converter implements ITypeConverter<ComputeType> {
        @Override
        public ComputeType convert(String name) {
            try {
                return ComputeType.of(name);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }

    /** Converts the names of kernels that settings use too. */
    public static final class KernelsConverter implements ITypeConverter<Kernels> {
        @Override
        public Kernels convert(String name) {
            try {
                return Kernels.of(name);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
