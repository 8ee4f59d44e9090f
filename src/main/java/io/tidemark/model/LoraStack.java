package io.tidemark.model;

import io.tidemark.torch.Value;
import java.util.Collection;
import java.util.List;

/**
 * Several adapters as one: all their A one below the other and all their B side by side, so that a linear needs two
 * matrix products for all of them; or one, where their A are joined with the base's weights.
 *
 * @param members the adapters, in the order of their ranks
 * @param value   {@code stack_int8}'s result, or {@code joined_int8}'s
 */
record LoraStack(List<LoraWeights> members, Value value) implements AutoCloseable {

    LoraStack {
        members = List.copyOf(members);
    }

    boolean isOf(LoraStack other) {
        return members.equals(other.members);
    }

    /** How many of these adapters it holds. */
    int holds(Collection<LoraWeights> wanted) {
        return (int) members.stream().filter(wanted::contains).count();
    }

    /** What it takes in memory. */
    long bytes() {
        return members.stream().mapToLong(LoraWeights::stackedBytes).sum();
    }

    boolean isSpoilt() {
        return members.stream().anyMatch(LoraWeights::isClosed);
    }

    @Override
    public void close() {
        value.close();
    }
}
