package io.tidemark.jinja;

import java.util.List;

/** Python's tuple: a list that equals no list. */
record Tuple(List<Object> elements) {}
