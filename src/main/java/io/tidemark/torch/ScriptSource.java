package io.tidemark.torch;

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
        attributes.stream().filter(a -> !a.isList() && !a.type().equals("float")).findFirst().ifPresent(a -> {
            throw new IllegalArgumentException("attribute " + a.name() + " has the type " + a.type() + ": neither a list nor float");
        });
    }

    /** A class without attributes. */
    public ScriptSource(String className, String... resources) {
        this(className, List.of(), List.of(resources));
    }

    /** The class's head; the methods follow it, indented by two. */
    String head() {
        StringBuilder head = new StringBuilder("class " + className
                + "(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n");
        attributes.forEach(a -> head.append("  ").append(a.name()).append(" : ").append(a.type()).append('\n'));
        return head.toString();
    }
}
