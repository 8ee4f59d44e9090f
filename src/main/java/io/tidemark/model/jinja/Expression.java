package io.tidemark.model.jinja;

/** Something with a value. */
interface Expression {

    Object value(Scope scope);
}
