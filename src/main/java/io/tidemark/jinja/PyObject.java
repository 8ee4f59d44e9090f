package io.tidemark.jinja;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Python and Jinja values that have no counterpart in the Java library; see {@link Values} for those that have one. */
sealed interface PyObject {

    /** Python's name for the type; by default the name of the class, which is then the same. */
    default String typeName() {
        return getClass().getSimpleName();
    }

    /** Python's {@code None}, which JSON writes as {@code null}. */
    enum None implements PyObject {
        NONE;

        @Override
        public String typeName() {
            return "NoneType";
        }
    }

    /**
     * The value of a missing variable, attribute or element. It prints as nothing and is false; most other operations
     * fail.
     *
     * @param reason the message of that failure
     */
    record Undefined(String reason) implements PyObject {

        JinjaException exception() {
            return new JinjaException(reason);
        }
    }

    /** Python's tuple. A tuple never equals a list. */
    record Tuple(List<Object> elements) implements PyObject {
        @Override
        public String typeName() {
            return "tuple";
        }
    }

    /**
     * An iterable that is neither a list nor a tuple: a range, a view of a dictionary, or the generator that a filter
     * returns.
     *
     * @param sized   whether it has a length: a range or a view
     * @param indexed whether it has subscripts: a range
     */
    record LazySequence(List<Object> elements, boolean sized, boolean indexed) implements PyObject {

        static LazySequence range(List<Object> elements) {
            return new LazySequence(elements, true, true);
        }

        static LazySequence view(List<Object> elements) {
            return new LazySequence(elements, true, false);
        }

        static LazySequence generator(List<Object> elements) {
            return new LazySequence(elements, false, false);
        }

        @Override
        public String typeName() {
            return "generator";
        }
    }

    /**
     * The result of the filter {@code safe}. It prints and compares like a string, but {@code +} escapes the other
     * operand for HTML. Jinja does so even with autoescape off, and transformers renders with it.
     */
    record Markup(String text) implements PyObject {

        /** The text of a markup; any other value as it is. */
        static Object unwrap(Object value) {
            return value instanceof Markup markup ? markup.text() : value;
        }

        /** The sum of two strings of which at least one is a markup. */
        static Markup sum(Object left, Object right) {
            return new Markup(escape(left) + escape(right));
        }

        private static String escape(Object operand) {
            if (operand instanceof Markup markup) {
                return markup.text();
            }
            return Values.string(operand, "the other operand of '+' with safe text")
                    .replace("&", "&amp;")
                    .replace("<", "&lt;")
                    .replace(">", "&gt;")
                    .replace("'", "&#39;")
                    .replace("\"", "&#34;");
        }
    }

    /** The result of {@code namespace()}: the only object whose attributes a template can set. */
    record Namespace(Map<String, Object> attributes) implements PyObject {

        void set(String name, Object value) {
            if (name.startsWith("_")) {
                throw new JinjaException("an attribute of a namespace cannot begin with an underscore: '" + name + "'");
            }
            attributes.put(name, value);
        }
    }

    /** A function, a macro, or a method of a value. */
    @FunctionalInterface
    non-sealed interface Callable extends PyObject {

        Object call(Arguments arguments);

        @Override
        default String typeName() {
            return "function";
        }
    }

    /** The variable {@code loop} of a running {@code for} loop. */
    final class LoopContext implements PyObject {

        private final List<Object> elements;
        private int index;
        private Optional<List<Object>> lastChanged = Optional.empty();

        LoopContext(List<Object> elements) {
            this.elements = elements;
        }

        void moveTo(int element) {
            index = element;
        }

        long length() {
            return elements.size();
        }

        Optional<Object> attribute(String name) {
            long size = elements.size();
            return switch (name) {
                case "index" -> Optional.of(index + 1L);
                case "index0" -> Optional.of((long) index);
                case "revindex" -> Optional.of(size - index);
                case "revindex0" -> Optional.of(size - index - 1);
                case "first" -> Optional.of(index == 0);
                case "last" -> Optional.of(index == size - 1);
                case "length" -> Optional.of(size);
                case "depth" -> Optional.of(1L);
                case "depth0" -> Optional.of(0L);
                case "previtem" ->
                    Optional.of(index > 0 ? elements.get(index - 1) : new Undefined("there is no previous item"));
                case "nextitem" ->
                    Optional.of(index + 1 < size ? elements.get(index + 1) : new Undefined("there is no next item"));
                case "cycle" -> Optional.of((Callable) this::cycle);
                case "changed" -> Optional.of((Callable) this::changed);
                default -> Optional.empty();
            };
        }

        private Object cycle(Arguments arguments) {
            if (arguments.positional().isEmpty()) {
                throw new JinjaException("'cycle' requires at least one value");
            }
            return arguments.positional().get(index % arguments.positional().size());
        }

        private Object changed(Arguments arguments) {
            boolean same = lastChanged.isPresent() && Operators.equal(lastChanged.get(), arguments.positional());
            lastChanged = Optional.of(arguments.positional());
            return !same;
        }
    }
}
