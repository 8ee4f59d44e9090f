package io.tidemark.cli;

import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** An adapter on the command line, {@code NAME=DIR}. */
public record NamedFolder(String name, Path folder) {

    @Override
    public String toString() {
        return name + "=" + folder;
    }

    /** Reads {@code NAME=DIR}; a name may not hold {@code =}, a folder may. */
    public static final class Converter implements ITypeConverter<NamedFolder> {

        @Override
        public NamedFolder convert(String text) {
            int equals = text.indexOf('=');
            if (equals < 1 || equals == text.length() - 1) {
                throw new TypeConversionException(
                        "'" + text + "' is not NAME=DIR, such as restaurants=adapters/restaurants");
            }
            return new NamedFolder(text.substring(0, equals), Path.of(text.substring(equals + 1)));
        }
    }
}
