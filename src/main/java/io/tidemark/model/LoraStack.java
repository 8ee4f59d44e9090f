package io.tidemark.model;

import io.tidemark.torch.Value;
import java.util.List;

/**
 * Several adapters as one: all their A one below the other and all their B side by side, so that a linear needs two
 * matrix products whatever number of adapters a step has. Without members, adapters run group by group.
 *
 * @param members the adapters, in the order of their ranks
 * @param value   {@code stack_int8}'s result
 */
record LoraStack(List<LoraWeights> members, Value value) implements AutoCloseable {

    LoraStack {
        members = List.copyOf(members);
    }

    /** Where the adapter stands in it, 0 where it has no members. */
    int place(LoraWeights weights) {
        return Math.max(0, members.indexOf(weights));
    }

    boolean holds(List<LoraWeights> wanted) {
        return members.containsAll(wanted);
    }

    boolean isSpoilt() {
        return members.stream().anyMatch(LoraWeights::isClosed);
    }

    @Override
    public void close() {
        value.close();
    }
}
