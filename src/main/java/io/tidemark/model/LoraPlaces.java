package io.tidemark.model;

import java.util.List;
import java.util.Set;

/**
 * Where each adapter of a step runs: in one of the stacks, or outside them on its own.
 *
 * @param stacks what the step uses
 * @param wanted the adapters that run in a stack that holds them; a stack may hold others of the step too
 */
record LoraPlaces(List<LoraStack> stacks, Set<LoraWeights> wanted) {

    LoraPlaces {
        stacks = List.copyOf(stacks);
        wanted = Set.copyOf(wanted);
    }

    /** Whether it serves these adapters, with stacks whose members are all there. */
    boolean isFor(Set<LoraWeights> adapters) {
        return wanted.equals(adapters) && stacks.stream().noneMatch(LoraStack::isSpoilt);
    }

    /** The index of the stack that the adapter runs in, -1 where it runs on its own. */
    int stackOf(LoraWeights weights) {
        if (!wanted.contains(weights)) {
            return -1;
        }
        for (int i = 0; i < stacks.size(); i++) {
            if (stacks.get(i).members().contains(weights)) {
                return i;
            }
        }
        return -1;
    }

    /** Where the adapter stands in its stack, -1 outside the stacks. */
    int placeOf(LoraWeights weights) {
        int stack = stackOf(weights);
        return stack < 0 ? -1 : stacks.get(stack).members().indexOf(weights);
    }
}
