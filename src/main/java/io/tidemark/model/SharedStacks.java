package io.tidemark.model;

import java.util.ArrayList;
import java.util.List;

/** The stacks that several adapters share, by when they were used last. Its methods are called by one thread at a time. */
final class SharedStacks implements AutoCloseable {

    /** The one used last is last. */
    private final List<LoraStack> stacks = new ArrayList<>();

    List<LoraStack> all() {
        return List.copyOf(stacks);
    }

    void add(List<LoraStack> built) {
        stacks.addAll(built);
    }

    /** Those that hold an adapter which no row may use any more go. */
    void dropSpoilt() {
        all().stream().filter(LoraStack::isSpoilt).forEach(this::drop);
    }

    /**
     * Stacks that a step does not use stay as far as there is room; those used longest ago go.
     *
     * @param used may hold stacks that are none of these
     * @param room bytes
     */
    void keep(List<LoraStack> used, long room) {
        List<LoraStack> shared = used.stream().filter(stacks::contains).toList();
        stacks.removeAll(shared);
        long bytes = stacks.stream().mapToLong(LoraStack::bytes).sum();
        while (bytes > room && !stacks.isEmpty()) {
            bytes -= stacks.get(0).bytes();
            drop(stacks.get(0));
        }
        stacks.addAll(shared);
    }

    private void drop(LoraStack stack) {
        stacks.remove(stack);
        stack.close();
    }

    @Override
    public void close() {
        stacks.forEach(LoraStack::close);
        stacks.clear();
    }
}
