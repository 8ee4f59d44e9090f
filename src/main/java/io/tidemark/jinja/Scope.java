package io.tidemark.jinja;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** The variables of a block. A lookup continues in the enclosing scopes; an assignment changes only this scope. */
final class Scope {

    private final Optional<Scope> enclosing;
    private final Map<String, Object> variables;

    private Scope(Optional<Scope> enclosing, Map<String, Object> variables) {
        this.enclosing = enclosing;
        this.variables = variables;
    }

    static Scope of(Map<String, Object> variables) {
        return new Scope(Optional.empty(), new HashMap<>(variables));
    }

    Scope inner() {
        return new Scope(Optional.of(this), new HashMap<>());
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
