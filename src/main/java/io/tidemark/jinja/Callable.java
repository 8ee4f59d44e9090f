package io.tidemark.jinja;

/** A function, a macro, or a method of a value. */
interface Callable {

    Object call(Arguments arguments);
}
