package io.tidemark.generation;

import io.tidemark.generation.layout.GroupWidth;

/** Groups always have the same width. */
record FixedWidth(int width) implements GroupWidth {

    @Override
    public int start() {
        return width;
    }

    @Override
    public int next(Turn turn) {
        return width;
    }
}
