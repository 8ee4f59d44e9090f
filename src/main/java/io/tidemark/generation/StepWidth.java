package io.tidemark.generation;

import java.util.function.BooleanSupplier;

/**
 * How many threads the steps of an engine instance use: its share of the processors, or all of them in the first instance for a
 * large step while no other instance has work. Belongs to the instance's thread.
 */
final class StepWidth {

    private final EngineLayout layout;
    private final BooleanSupplier alone;

    /** @param alone whether no other instance has work, and this one may use all processors */
    StepWidth(EngineLayout layout, BooleanSupplier alone) {
        this.layout = layout;
        this.alone = alone;
    }

    int threads(int tokens) {
        return tokens >= layout.loneTokens() && alone.getAsBoolean() ? layout.loneThreads() : layout.threads();
    }

    void took(int threads, int tokens, long nanos) {
    }
}
