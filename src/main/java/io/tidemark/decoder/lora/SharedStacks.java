package io.tidemark.decoder.lora;

import java.util.ArrayList;
import java.util.List;

/** The stacks that several adapters share, by when they were used last. Its methods are called by one thread at a time. */
final class SharedStacks implements AutoCloseable {

    /** The one used last is last. */
    private final List<LoraStack> stacks = new ArrayList<>();
    /** How many of the last ones the last step uses. */
    private int inStep;

    List<LoraStack> all() {
        return List.copyOf(stacks);
    }

    void add(List<LoraStack> built) {
        stacks.addAll(built);
    }

    /** Takes out those that hold an adapter which no row may use any more. The caller closes them. */
    List<LoraStack> takeSpoilt() {
        List<LoraStack> spoilt = stacks.stream().filter(LoraStack::isSpoilt).toList();
        stacks.removeAll(spoilt);
        return spoilt;
    }

    /** @param used by a step; may hold stacks that are none of these */
    void use(List<LoraStack> used) {
        List<LoraStack> mine = used.stream().filter(stacks::contains).toList();
        stacks.removeAll(mine);
        stacks.addAll(mine);
        inStep = mine.size();
    }

    /**
     * Takes out stacks that no step uses as far as there is no room for them; those used longest ago go. The caller closes them.
     *
     * @param room   bytes for stacks that no step uses
     * @param others what other steps use
     */
    List<LoraStack> takeOldest(long room, List<LoraStack> others) {
        List<LoraStack> unused = new ArrayList<>(stacks.subList(0, stacks.size() - inStep));
        unused.removeAll(others);
        long bytes = unused.stream().mapToLong(LoraStack::bytes).sum();
        List<LoraStack> taken = new ArrayList<>();
        for (LoraStack stack : unused) {
            if (bytes <= room) {
                break;
            }
            bytes -= stack.bytes();
            taken.add(stack);
        }
        stacks.removeAll(taken);
        return taken;
    }

    @Override
    public void close() {
        stacks.forEach(LoraStack::close);
        stacks.clear();
    }
}
