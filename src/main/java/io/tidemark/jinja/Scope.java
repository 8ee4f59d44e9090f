package io.tidemark.jinja;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Names and their values; those of the scopes around it can be seen, but not set. */
final class Scope {

    private final Optional<Scope> around;
    private final Map<String, Object> names;

    private Scope(Optional<Scope> around, Map<String, Object> names) {
        this.around = around;
        this.names = names;
    }

    static Scope of(Map<String, Object> names) {
        return new Scope(Optional.empty(), new HashMap<>(names));
    }

    Scope inner() {
        return new Scope(Optional.of(this), new HashMap<>());
    }

    Object find(String name) {
        Object value = names.get(name);
        if (value != null) {
            return value;
        }
        return around.isPresent() ? around.get().find(name) : Undefined.because("'" + name + "' is undefined");
    }

    void set(String name, Object value) {
        names.put(name, value);
    }
}
