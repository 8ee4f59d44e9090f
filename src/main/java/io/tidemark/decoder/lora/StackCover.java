package io.tidemark.decoder.lora;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which stacks serve a step's adapters.
 *
 * @param wanted the adapters
 * @param used   stacks that each hold some that no other one before does, fullest first
 */
record StackCover(Set<LoraWeights> wanted, List<LoraStack> used) {

    /** The better of two covers, of all stacks and of those whose members are all wanted; who is in none has its own. */
    static StackCover of(Set<LoraWeights> wanted, List<LoraStack> stacks) {
        StackCover any = greedy(wanted, stacks);
        StackCover fitting = greedy(
                wanted,
                stacks.stream()
                        .filter(stack -> wanted.containsAll(stack.members()))
                        .toList());
        return Collections.min(
                List.of(any, fitting),
                Comparator.comparingInt((StackCover cover) -> cover.used().size())
                        .thenComparingInt(StackCover::members));
    }

    private static StackCover greedy(Set<LoraWeights> wanted, List<LoraStack> stacks) {
        Set<LoraWeights> open = new LinkedHashSet<>(wanted);
        List<LoraStack> used = new ArrayList<>();
        for (Optional<LoraStack> next = fullest(stacks, open); next.isPresent(); next = fullest(stacks, open)) {
            used.add(next.get());
            next.get().members().forEach(open::remove);
        }
        open.forEach(adapter -> used.add(adapter.stack().orElseThrow()));
        return new StackCover(wanted, used);
    }

    /** The one that holds most of them; of several, that which holds fewest others. */
    private static Optional<LoraStack> fullest(List<LoraStack> stacks, Set<LoraWeights> open) {
        return stacks.stream()
                .filter(stack -> stack.holds(open) > 0)
                .max(Comparator.comparingInt((LoraStack stack) -> stack.holds(open))
                        .thenComparingInt(stack -> -stack.members().size()));
    }

    private int members() {
        return used.stream().mapToInt(stack -> stack.members().size()).sum();
    }
}
