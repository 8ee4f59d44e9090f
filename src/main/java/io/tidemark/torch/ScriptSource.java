package io.tidemark.torch;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A TorchScript class whose text is in one or several class path resources. A resource contains, in this order:
 *
 * <ol>
 *   <li>constants, {@code NAME = text}: the text replaces the name in all resources;
 *   <li>types, {@code class Name(NamedTuple):} and the fields: all resources can use the name;
 *   <li>the line {@code class Name(Module):} with the name of the class, then attributes, {@code name : type}, and
 *       methods, both indented by two.
 * </ol>
 *
 * Names of constants and types begin with a capital letter. Thread-safe.
 */
public final class ScriptSource {

    private static final Pattern CONSTANT = Pattern.compile("([A-Z]\\w*) = ([^#]*[^#\\s]).*");
    private static final Pattern TYPE = Pattern.compile("class (\\w+)\\(NamedTuple\\):.*");
    private static final Pattern ATTRIBUTE = Pattern.compile(" {2}(\\w+) : ([^#]*[^#\\s]).*");
    private static final Pattern NAME = Pattern.compile("(?<![\\w.])[A-Z]\\w*");
    private static final Set<String> SCALARS = Set.of("int", "float", "bool", "Tensor");

    private final String className;
    private final Map<String, String> names = new HashMap<>();
    private final StringBuilder types = new StringBuilder();
    private final StringBuilder body = new StringBuilder();
    private final List<Attribute> attributes = new ArrayList<>();

    /** An attribute of the class, which keeps its value between calls. */
    record Attribute(String name, String type) {}

    /**
     * @throws IllegalStateException if a resource is not on the class path or has another class
     * @throws IllegalArgumentException if an attribute is neither a list, a number, a {@code bool} nor a {@code Tensor}
     */
    public ScriptSource(String className, String... resources) {
        this.className = className;
        for (String resource : resources) {
            add(resource, read(resource));
        }
    }

    String className() {
        return className;
    }

    List<Attribute> attributes() {
        return attributes.stream()
                .map(each -> new Attribute(each.name(), resolved(each.type())))
                .toList();
    }

    /**
     * The text that {@code torch::jit::load} reads, with constants replaced by their text and qualified names of types.
     */
    String text() {
        return resolved(types + "class " + className + "(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
                + "  training : bool\n" + body);
    }

    private void add(String resource, String text) {
        String head = "class " + className + "(Module):\n";
        int end = text.indexOf(head);
        if (end < 0) {
            throw new IllegalStateException("script " + resource + " has no line '" + head.strip() + "'");
        }
        text.substring(0, end).lines().forEach(this::addDeclaration);
        text.substring(end + head.length()).lines().forEach(this::addMember);
    }

    private void addDeclaration(String line) {
        Matcher constant = CONSTANT.matcher(line);
        Matcher type = TYPE.matcher(line);
        if (constant.matches()) {
            names.put(constant.group(1), constant.group(2));
        } else if (type.matches()) {
            names.put(type.group(1), "__torch__." + type.group(1));
            types.append(line).append('\n');
        } else if (line.startsWith("  ")) {
            types.append(line).append('\n');
        }
    }

    private void addMember(String line) {
        Matcher attribute = ATTRIBUTE.matcher(line);
        if (attribute.matches()) {
            addAttribute(attribute.group(1), attribute.group(2));
        }
        body.append(line).append('\n');
    }

    private void addAttribute(String name, String type) {
        if (!type.startsWith("List[") && !SCALARS.contains(type)) {
            throw new IllegalArgumentException(
                    "attribute " + name + " has the type " + type + ", which is neither a list nor one of " + SCALARS);
        }
        attributes.add(new Attribute(name, type));
    }

    /** Replaces the names of constants and types, except in the declaration {@code class Name(}. */
    private String resolved(String text) {
        return NAME.matcher(text).replaceAll(name -> {
            boolean declared = text.startsWith("class ", name.start() - "class ".length());
            return Matcher.quoteReplacement(declared ? name.group() : names.getOrDefault(name.group(), name.group()));
        });
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
