package io.tidemark.torch;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.StreamSupport;

/**
 * Java's description of what it shares with a script. The script has a description of its own, and both are compared
 * when the script is loaded.
 *
 * @param layouts   the lists that both sides read by index; the script has no others
 * @param methods   the methods that Java calls; the script may have others
 * @param constants constants with the same value on both sides; the script may have others
 */
public record ScriptContract(List<Layout> layouts, List<? extends ScriptMethod> methods, Map<String, Long> constants) {

    /**
     * The names of the elements of a list, in order.
     *
     * @param name the name of the layout in the script
     */
    public record Layout(String name, List<String> fields) {

        public Layout {
            fields = List.copyOf(fields);
        }

        /** The layout with the name of an enum, and its constants in lower case as fields. */
        public static Layout of(Class<? extends Enum<?>> fields) {
            return new Layout(fields.getSimpleName(), names(Arrays.asList(fields.getEnumConstants())));
        }

        /** The names that constants of an enum have in a script. */
        public static List<String> names(Iterable<? extends Enum<?>> constants) {
            return StreamSupport.stream(constants.spliterator(), false)
                    .map(constant -> constant.name().toLowerCase(Locale.ROOT))
                    .toList();
        }
    }

    public ScriptContract {
        layouts = List.copyOf(layouts);
        methods = List.copyOf(methods);
        constants = Map.copyOf(constants);
    }

    /**
     * Compares this with what a script declares.
     *
     * @param scriptLayouts   the fields of the layouts
     * @param scriptMethods   the parameters of the methods
     * @param scriptConstants the text of the constants
     * @throws IllegalStateException with the first difference
     */
    void verify(
            Map<String, List<String>> scriptLayouts,
            Map<String, List<String>> scriptMethods,
            Map<String, String> scriptConstants) {
        for (Layout layout : layouts) {
            requireSame("layout " + layout.name(), "field", layout.fields(), scriptLayouts.get(layout.name()));
        }
        TreeSet<String> others = new TreeSet<>(scriptLayouts.keySet());
        layouts.forEach(layout -> others.remove(layout.name()));
        if (!others.isEmpty()) {
            throw new IllegalStateException("layout " + others.first() + " is in the script and not in Java");
        }
        for (ScriptMethod method : methods) {
            requireSame(
                    "method " + method.method(), "parameter", method.parameters(), scriptMethods.get(method.method()));
        }
        constants.forEach((name, value) -> {
            if (!value.toString().equals(scriptConstants.get(name))) {
                throw new IllegalStateException("constant " + name + " is " + value + " in Java and "
                        + scriptConstants.getOrDefault(name, "absent") + " in the script");
            }
        });
    }

    private static void requireSame(String what, String element, List<String> java, List<String> script) {
        if (script == null) {
            throw new IllegalStateException(what + " is in Java and not in the script");
        }
        for (int i = 0; i < Math.max(java.size(), script.size()); i++) {
            String inJava = at(java, i);
            String inScript = at(script, i);
            if (!inJava.equals(inScript)) {
                throw new IllegalStateException(what + ": " + element + " " + i + " is " + inJava + " in Java and "
                        + inScript + " in the script");
            }
        }
    }

    private static String at(List<String> names, int index) {
        return index < names.size() ? "'" + names.get(index) + "'" : "absent";
    }
}
