package io.tidemark.cli;

import picocli.CommandLine.ITypeConverter;

/** Reads text in which {@code \n} is a line break, which shells don't make it. */
final class LineBreaks implements ITypeConverter<String> {

    @Override
    public String convert(String text) {
        return text.replace("\\n", "\n");
    }
}
