package io.tidemark.jinja;

/** Something with a value. */
interface Expression {

    Object value(Scope scope);
}
