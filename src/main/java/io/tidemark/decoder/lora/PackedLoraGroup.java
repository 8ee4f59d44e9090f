package io.tidemark.decoder.lora;

import io.tidemark.torch.Value;
import java.util.Collection;
import java.util.List;

/**
 * Adapters whose A and B are concatenated in tables, so that a linear module needs two products for all of them. If A
 * is fused with the base model's weights, it needs one.
 *
 * @param members the adapters, in the order of the tables
 * @param value   the {@code PackedGroup} of {@code packed_lora.torchscript}
 * @param bytes   bytes of the tables
 */
public record PackedLoraGroup(List<LoraWeights> members, Value value, long bytes) implements AutoCloseable {

    public PackedLoraGroup {
        members = List.copyOf(members);
    }

    boolean hasSameMembers(PackedLoraGroup other) {
        return members.equals(other.members);
    }

    /** How many of these adapters are members. */
    int count(Collection<LoraWeights> adapters) {
        return (int) members.stream().filter(adapters::contains).count();
    }

    /** Whether a member was closed. */
    boolean isStale() {
        return members.stream().anyMatch(LoraWeights::isClosed);
    }

    @Override
    public void close() {
        value.close();
    }
}
