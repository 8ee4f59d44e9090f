package io.tidemark.model;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which stacks serve a step's adapters.
 *
 * @param wanted  the adapters
 * @param used    stacks that each hold some that no other one before does, fullest first
 * @param outside adapters that are in none of them
 */
record StackCover(Set<LoraWeights> wanted, List<LoraStack> used, Set<LoraWeights> outside) {

    /** Adapters of one stack. */
    static final int MOST_MEMBERS = 8;

    static StackCover of(Set<LoraWeights> wanted, List<LoraStack> stacks) {
        Set<LoraWeights> outside = new LinkedHashSet<>(wanted);
        List<LoraStack> used = new ArrayList<>();
        for (Optional<LoraStack> next = fullest(stacks, outside); next.isPresent(); next = fullest(stacks, outside)) {
            used.add(next.get());
            next.get().members().forEach(outside::remove);
        }
        return new StackCover(wanted, used, outside);
    }

    private static Optional<LoraStack> fullest(List<LoraStack> stacks, Set<LoraWeights> open) {
        return stacks.stream().filter(stack -> stack.holds(open) > 0).max(Comparator.comparingInt(stack -> stack.holds(open)));
    }

    /** Whether fewer stacks could serve them, each of which costs two calls a linear. */
    boolean isScattered() {
        return used.size() > fewestStacks(wanted.size());
    }

    /** Stacks that so many adapters need. */
    static int fewestStacks(int adapters) {
        return (adapters + MOST_MEMBERS - 1) / MOST_MEMBERS;
    }
}
