package io.tidemark.cli.console;

import java.nio.file.Path;

/** An adapter on the command line: {@code NAME=DIR}, or {@code DIR}, whose last element is then the name. */
public record NamedFolder(String name, Path folder) {

    /**
     * A name cannot contain {@code =}; the folder of {@code NAME=DIR} can.
     *
     * @throws IllegalArgumentException if the text has another form
     */
    public static NamedFolder parse(String text) {
        int equals = text.indexOf('=');
        if (text.isBlank() || equals == 0 || equals == text.length() - 1) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not [NAME=]DIR, such as restaurants=adapters/restaurants");
        }
        if (equals > 0) {
            return new NamedFolder(text.substring(0, equals), Path.of(text.substring(equals + 1)));
        }
        Path folder = Path.of(text);
        Path last = folder.toAbsolutePath().normalize().getFileName();
        if (last == null) {
            throw new IllegalArgumentException("'" + text + "' has no name; use NAME=DIR");
        }
        return new NamedFolder(last.toString(), folder);
    }

    @Override
    public String toString() {
        return name + "=" + folder;
    }
}
