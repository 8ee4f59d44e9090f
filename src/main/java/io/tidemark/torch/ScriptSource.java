package io.tidemark.torch;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A TorchScript class whose text is in one or several class path resources. A resource contains, in this order:
 *
 * <ol>
 *   <li>constants, {@code NAME = text}: the text replaces the name in all resources;
 *   <li>layouts, {@code class Name(Layout):} and the names of the fields of a list, one a line. In all resources
 *       {@code Name.field} is the index of a field, and {@code Name.count} the number of fields;
 *   <li>types, {@code class Name(NamedTuple):} and the fields: all resources can use the name;
 *   <li>the line {@code class Name(Module):} with the name of the class, then attributes, {@code name : type}, and
 *       methods, both indented by two.
 * </ol>
 *
 * Names of constants, layouts and types begin with a capital letter. Thread-safe.
 */
public final class ScriptSource {

    private static final Pattern CONSTANT = Pattern.compile("([A-Z]\\w*) = ([^#]*[^#\\s]).*");
    private static final Pattern LAYOUT = Pattern.compile("class (\\w+)\\(Layout\\):.*");
    private static final Pattern FIELD = Pattern.compile(" {2}([a-z]\\w*) *(#.*)?");
    private static final Pattern TYPE = Pattern.compile("class (\\w+)\\(NamedTuple\\):.*");
    private static final Pattern ATTRIBUTE = Pattern.compile(" {2}(\\w+) : ([^#]*[^#\\s]).*");
    private static final Pattern METHOD = Pattern.compile(" {2}def (\\w+)\\(\\s*self\\b(.*?)\\) ->", Pattern.DOTALL);
    private static final Pattern PARAMETER = Pattern.compile("(\\w+): ");
    private static final Pattern INDEX = Pattern.compile("(?<![\\w.])([A-Z]\\w*)\\.([a-z]\\w*)");
    private static final Pattern NAME = Pattern.compile("(?<![\\w.])[A-Z]\\w*");
    private static final String COUNT = "count";
    private static final Set<String> SCALARS = Set.of("int", "float", "bool", "Tensor");

    private final String className;
    private final Map<String, String> names = new HashMap<>();
    private final Map<String, List<String>> layouts = new LinkedHashMap<>();
    private final StringBuilder types = new StringBuilder();
    private final StringBuilder body = new StringBuilder();
    private final List<Attribute> attributes = new ArrayList<>();

    /** An attribute of the class, which keeps its value between calls. */
    record Attribute(String name, String type) {}

    /**
     * A script without a contract.
     *
     * @throws IllegalStateException if a resource is not on the class path or has another class
     * @throws IllegalArgumentException if an attribute is neither a list, a number, a {@code bool} nor a
     *     {@code Tensor}, or a line of a layout is not a field
     */
    public ScriptSource(String className, String... resources) {
        this.className = className;
        for (String resource : resources) {
            add(resource, read(resource));
        }
    }

    /**
     * A script that is compared with a contract.
     *
     * @throws IllegalStateException as above, or if script and contract differ; the message names layout and field
     * @throws IllegalArgumentException as above
     */
    public ScriptSource(String className, ScriptContract contract, String... resources) {
        this(className, resources);
        contract.verify(layouts, methods(), names);
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
        addDeclarations(text.substring(0, end).lines().toList());
        text.substring(end + head.length()).lines().forEach(this::addMember);
    }

    private void addDeclarations(List<String> lines) {
        Optional<String> layout = Optional.empty();
        for (String line : lines) {
            Matcher opened = LAYOUT.matcher(line);
            if (opened.matches()) {
                layout = Optional.of(opened.group(1));
                layouts.put(opened.group(1), new ArrayList<>());
            } else if (layout.isPresent() && line.startsWith("  ")) {
                addField(layout.get(), line);
            } else {
                layout = Optional.empty();
                addDeclaration(line);
            }
        }
    }

    private void addField(String layout, String line) {
        if (line.strip().startsWith("#")) {
            return;
        }
        Matcher field = FIELD.matcher(line);
        if (!field.matches()
                || field.group(1).equals(COUNT)
                || layouts.get(layout).contains(field.group(1))) {
            throw new IllegalArgumentException(
                    "layout " + layout + " has the line '" + line.strip() + "', which is not the name of a new field");
        }
        layouts.get(layout).add(field.group(1));
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

    /** The parameters of each method, by name. */
    private Map<String, List<String>> methods() {
        Map<String, List<String>> methods = new HashMap<>();
        METHOD.matcher(body)
                .results()
                .forEach(method -> methods.put(
                        method.group(1),
                        PARAMETER
                                .matcher(method.group(2))
                                .results()
                                .map(parameter -> parameter.group(1))
                                .toList()));
        return methods;
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

    /**
     * Replaces the indices of fields, and the names of constants and types, except in the declaration
     * {@code class Name(}.
     *
     * @throws IllegalArgumentException if a layout has no such field
     */
    private String resolved(String source) {
        String text = INDEX.matcher(source).replaceAll(index -> index(index.group(1), index.group(2)));
        return NAME.matcher(text).replaceAll(name -> {
            boolean declared = text.startsWith("class ", name.start() - "class ".length());
            return Matcher.quoteReplacement(declared ? name.group() : names.getOrDefault(name.group(), name.group()));
        });
    }

    private String index(String name, String field) {
        List<String> fields = layouts.get(name);
        if (fields == null) {
            return name + "." + field;
        }
        int index = field.equals(COUNT) ? fields.size() : fields.indexOf(field);
        if (index < 0) {
            throw new IllegalArgumentException("layout " + name + " has no field '" + field + "'");
        }
        return Integer.toString(index);
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
