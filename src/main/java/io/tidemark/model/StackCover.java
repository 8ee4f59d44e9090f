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
    /** A stack of no more adapters than this is used for any of them. */
    private static final int SMALL = 4;

    static StackCover of(Set<LoraWeights> wanted, List<LoraStack> stacks) {
        Set<LoraWeights> outside = new LinkedHashSet<>(wanted);
        List<LoraStack> used = new ArrayList<>();
        for (Optional<LoraStack> next = fullest(stacks, wanted, outside); next.isPresent(); next = fullest(stacks, wanted, outside)) {
            used.add(next.get());
            next.get().members().forEach(outside::remove);
        }
        return new StackCover(wanted, used, outside);
    }

    private static Optional<LoraStack> fullest(List<LoraStack> stacks, Set<LoraWeights> wanted, Set<LoraWeights> open) {
        return stacks.stream().filter(stack -> stack.holds(open) > 0)
                .filter(stack -> stack.members().size() <= mostMembers(stack.holds(wanted)))
                .max(Comparator.comparingInt(stack -> stack.holds(open)));
    }

    /** Adapters that new stacks would serve better: those outside, or all where they lie in more stacks than they need. */
    Set<LoraWeights> badlyPlaced() {
        return used.size() > fewestStacks(wanted.size()) + 1 ? wanted : outside;
    }

    /** How many adapters a stack may have for so many that are wanted of it. */
    static int mostMembers(int wanted) {
        return Math.max(SMALL, Math.min(MOST_MEMBERS, 2 * wanted));
    }

    /** Stacks that so many adapters need. */
    static int fewestStacks(int adapters) {
        return (adapters + MOST_MEMBERS - 1) / MOST_MEMBERS;
    }
}
