package io.tidemark.decoder.lora;

import io.tidemark.torch.Value;
import java.util.Collection;
import java.util.List;

/**
 * Adapters whose A and B lie in tables one behind the other, so that a linear needs two products for all of them; or one,
 * where their A are joined with the base's weights.
 *
 * @param members the adapters, in the order of the tables
 * @param value   what {@code stack.torchscript} calls a stack
 * @param bytes   the memory of its tables
 */
public record LoraStack(List<LoraWeights> members, Value value, long bytes) implements AutoCloseable {

    public LoraStack {
        members = List.copyOf(members);
    }

    public boolean isOf(LoraStack other) {
        return members.equals(other.members);
    }

    /** How many of these adapters it holds. */
    public int holds(Collection<LoraWeights> wanted) {
        return (int) members.stream().filter(wanted::contains).count();
    }

    public boolean isSpoilt() {
        return members.stream().anyMatch(LoraWeights::isClosed);
    }

    @Override
    public void close() {
        value.close();
    }
}
