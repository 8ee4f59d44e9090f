package io.tidemark.cli;

import picocli.CommandLine.ITypeConverter;

/** Reads text in which {@code \n} stands for a line break, since few shells have an easy way to type one. */
final class LineBreaks implements ITypeConverter<String> {

    @Override
    public String convert(String text) {
        return text.replace("\\n", "\n");
    }
}
