package io.tidemark.cli.model;

import io.tidemark.cli.CommandFailed;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** What the model computes in, for commands that load one. */
public final class ComputeOptions {

    @Option(
            names = "--compute-type",
            paramLabel = "TYPE",
            defaultValue = "fp32",
            converter = Converter.class,
            description = "fp32, bf16 or int8. Default: ${DEFAULT-VALUE}.")
    private ComputeType type;

    @Option(names = "--deterministic", description = "Logits that don't depend on what runs beside; needs int8.")
    private boolean deterministic;

    /** @throws CommandFailed when the type and {@code --deterministic} exclude each other */
    public ModelOptions options() {
        try {
            return new ModelOptions(type, deterministic);
        } catch (IllegalArgumentException e) {
            throw new CommandFailed(e.getMessage(), e);
        }
    }

    /** Reads the names that settings use. */
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
}
