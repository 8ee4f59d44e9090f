package io.tidemark.model;

import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Decides for a step which of its adapters run stacked, and keeps the stacks. A stack costs as much as some steps, so an
 * adapter joins one only when it stays, and a stack that holds others too will do.
 *
 * <p>A row that is alone is never stacked, so that a seeded request gives its text again whatever ran before it.
 *
 * <p>Only int8 stacks: two products of bytes cost less than many small ones. A row multiplies the ranks of its whole stack,
 * and each stack costs two calls a linear: so a stack is neither all adapters of a step nor one.
 */
final class LoraStacks implements AutoCloseable {

    /** Steps that an adapter runs on its own before it is stacked. */
    private static final int STEPS_BEFORE = 4;
    /** Steps that adapters run in more stacks than they need before they are gathered. */
    private static final int STEPS_SCATTERED = 32;
    /** Stacks kept that a step does not use; the one used longest ago goes. */
    private static final int MOST_IDLE = 4;

    private final DecoderParts parts;
    /** The one used last is last. */
    private final List<LoraStack> stacks = new ArrayList<>();
    private final Map<LoraWeights, Integer> waited = new HashMap<>();
    private int scattered;

    LoraStacks(DecoderParts parts) {
        this.parts = parts;
    }

    /** What the step is to use. It stays open until the next call. */
    synchronized LoraPlaces forStep(List<StepRow> batch) {
        Set<LoraWeights> wanted = batch.stream().filter(row -> row.effectiveLoraLayers() > 0)
                .map(row -> row.lora().orElseThrow()).collect(Collectors.toCollection(LinkedHashSet::new));
        boolean alone = batch.size() == 1 && !parts.options().deterministic();
        if (parts.options().computeType() != ComputeType.INT8 || wanted.isEmpty() || alone) {
            return new LoraPlaces(List.of());
        }
        dropSpoilt();
        StackCover cover = StackCover.of(wanted, stacks);
        scattered = cover.isScattered() ? scattered + 1 : 0;
        List<LoraStack> used = new ArrayList<>(cover.used());
        if (scattered > STEPS_SCATTERED) {
            used = gathered(cover);
            scattered = 0;
        } else if (isDue(cover.outside())) {
            used.addAll(built(List.copyOf(cover.outside())));
            waited.clear();
        }
        keep(used);
        return new LoraPlaces(used);
    }

    /** Whether one of these adapters has run outside the stacks for long enough. */
    private boolean isDue(Set<LoraWeights> outside) {
        waited.keySet().retainAll(outside);
        outside.forEach(one -> waited.merge(one, 1, Integer::sum));
        return waited.values().stream().anyMatch(steps -> parts.options().deterministic() || steps > STEPS_BEFORE);
    }

    /** Full stacks stay; all other adapters get new ones in place of those that they had. */
    private List<LoraStack> gathered(StackCover cover) {
        List<LoraStack> result = new ArrayList<>(cover.used());
        result.removeIf(stack -> stack.holds(cover.wanted()) < StackCover.MOST_MEMBERS);
        Set<LoraWeights> rest = new LinkedHashSet<>(cover.wanted());
        result.forEach(stack -> stack.members().forEach(rest::remove));
        result.addAll(built(List.copyOf(rest)));
        List<LoraStack> replaced = cover.used().stream().filter(stack -> !result.contains(stack)).toList();
        replaced.forEach(LoraStack::close);
        stacks.removeAll(replaced);
        return result;
    }

    /** As few stacks as they need, of like size. */
    private List<LoraStack> built(List<LoraWeights> adapters) {
        int count = StackCover.fewestStacks(adapters.size());
        return IntStream.range(0, count)
                .mapToObj(i -> stacked(adapters.subList(adapters.size() * i / count, adapters.size() * (i + 1) / count))).toList();
    }

    private LoraStack stacked(List<LoraWeights> members) {
        try (Value lists = parts.torch().list(members.stream().map(LoraWeights::tensors).toList())) {
            return new LoraStack(members, parts.script().call("stack_int8", lists));
        }
    }

    private void keep(List<LoraStack> used) {
        stacks.removeAll(used);
        while (stacks.size() > MOST_IDLE) {
            stacks.remove(0).close();
        }
        stacks.addAll(used);
    }

    private void dropSpoilt() {
        stacks.stream().filter(LoraStack::isSpoilt).forEach(LoraStack::close);
        stacks.removeIf(LoraStack::isSpoilt);
    }

    @Override
    public synchronized void close() {
        stacks.forEach(LoraStack::close);
        stacks.clear();
    }
}
