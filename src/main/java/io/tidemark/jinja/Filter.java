package io.tidemark.jinja;

/** What stands behind a bar. */
interface Filter {

    Object apply(Object value, Arguments arguments);
}
