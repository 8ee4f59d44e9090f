package io.tidemark.generation;

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
