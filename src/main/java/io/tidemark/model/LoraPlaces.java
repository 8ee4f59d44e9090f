package io.tidemark.model;

import java.util.List;

/**
 * Where each adapter of a step runs: in one of the stacks, or outside them on its own.
 *
 * @param stacks what the step uses
 */
record LoraPlaces(List<LoraStack> stacks) {

    LoraPlaces {
        stacks = List.copyOf(stacks);
    }

    /** The index of the stack that holds the adapter, -1 where none does. */
    int stackOf(LoraWeights weights) {
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
