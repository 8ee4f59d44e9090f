package io.tidemark.jinja;

import java.util.Map;

/** The one kind of object whose attributes a template may set. */
record Namespace(Map<String, Object> attributes) {

    void set(String name, Object value) {
        if (name.startsWith("_")) {
            throw JinjaException.because(
                    "a namespace takes no attribute that begins with an underscore: '" + name + "'");
        }
        attributes.put(name, value);
    }
}
