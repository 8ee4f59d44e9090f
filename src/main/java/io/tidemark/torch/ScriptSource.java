package io.tidemark.torch;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A TorchScript class whose methods lie in class path resources.
 *
 * @param attributes what an object of the class keeps between calls; a method sets it
 * @param resources  files of method definitions
 */
public record ScriptSource(String className, List<Attribute> attributes, List<String> resources) {

    /**
     * An attribute; it starts as an empty list, or as 0.
     *
     * @param type {@code float}, or a list such as {@code List[Tensor]}
     */
    public record Attribute(String name, String type) {

        boolean isList() {
            return type.startsWith("List[");
        }
    }

    public ScriptSource {
        attributes = List.copyOf(attributes);
        resources = List.copyOf(resources);
        attributes.stream()
                .filter(a -> !a.isList() && !a.type().equals("float"))
                .findFirst()
                .ifPresent(a -> {
                    throw new IllegalArgumentException(
                            "attribute " + a.name() + " has the type " + a.type() + ": neither a list nor float");
                });
    }

    /** A class without attributes. */
    public ScriptSource(String className, String... resources) {
        this(className, List.of(), List.of(resources));
    }

    /** The class's head, and the methods of all resources, indented by two. */
    String text() {
        StringBuilder text = new StringBuilder(
                "class " + className + "(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n");
        attributes.forEach(a -> text.append("  ")
                .append(a.name())
                .append(" : ")
                .append(a.type())
                .append('\n'));
        resources.forEach(resource -> text.append(read(resource)));
        return text.toString();
    }

    private static String read(String resource) {
        try (InputStream in = ScriptSource.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException("script " + resource + " is not on the class path");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("script " + resource + " could not be read", e);
        }
    }
}
