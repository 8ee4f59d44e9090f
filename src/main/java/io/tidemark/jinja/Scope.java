package io.tidemark.jinja;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** The variables of a block. A lookup continues in the enclosing scopes; an assignment changes only this scope. */
final class Scope {

    private final Optional<Scope> enclosing;
    private final Map<String, Object> variables;
    private final BooleanSupplier interrupted;

    private Scope(Optional<Scope> enclosing, Map<String, Object> variables, BooleanSupplier interrupted) {
        this.enclosing = enclosing;
        this.variables = variables;
        this.interrupted = interrupted;
    }

    /** @param interrupted whether the rendering must end, see {@link #checkpoint} */
    static Scope of(Map<String, Object> variables, BooleanSupplier interrupted) {
        return new Scope(Optional.empty(), new HashMap<>(variables), interrupted);
    }

    Scope inner() {
        return new Scope(Optional.of(this), new HashMap<>(), interrupted);
    }

    /**
     * Ends an interrupted rendering. Each iteration of a loop, filter and call runs this. What runs between two
     * checkpoints takes time in proportion to the size of its values.
     *
     * @throws JinjaException if the rendering was interrupted
     */
    void checkpoint() {
        if (interrupted.getAsBoolean()) {
            throw JinjaException.interrupted();
        }
    }

    Object get(String name) {
        Object value = variables.get(name);
        if (value != null) {
            return value;
        }
        return enclosing.isPresent()
                ? enclosing.get().get(name)
                : new PyObject.Undefined("'" + name + "' is undefined");
    }

    void set(String name, Object value) {
        variables.put(name, value);
    }
}
