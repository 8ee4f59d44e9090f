package io.tidemark.model;

import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

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
    /** Stacks kept that a step does not use; the one used longest ago goes. */
    private static final int MOST_IDLE = 4;

    private final DecoderParts parts;
    /** The one used last is last. */
    private final List<LoraStack> stacks = new ArrayList<>();
    private final Map<LoraWeights, Integer> waited = new HashMap<>();

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
        List<LoraStack> used = cover.used();
        if (isDue(cover)) {
            used = restacked(wanted, used);
            waited.clear();
        }
        keep(used);
        return new LoraPlaces(used);
    }

    /** Whether an adapter has run outside the stacks, or in too many of them, for long enough. */
    private boolean isDue(StackCover cover) {
        Set<LoraWeights> badlyPlaced = cover.badlyPlaced();
        waited.keySet().retainAll(badlyPlaced);
        badlyPlaced.forEach(one -> waited.merge(one, 1, Integer::sum));
        return waited.values().stream().anyMatch(steps -> parts.options().deterministic() || steps > STEPS_BEFORE);
    }

    /** Full stacks stay; all other adapters get new ones, and no old one is left that could serve them too. */
    private List<LoraStack> restacked(Set<LoraWeights> wanted, List<LoraStack> used) {
        List<LoraStack> result = new ArrayList<>(used);
        result.removeIf(stack -> stack.holds(wanted) < StackCover.MOST_MEMBERS);
        Set<LoraWeights> open = new LinkedHashSet<>(wanted);
        result.forEach(stack -> stack.members().forEach(open::remove));
        List<LoraWeights> rest = List.copyOf(open);
        int count = StackCover.fewestStacks(rest.size());
        for (int part = 0; part < count; part++) {
            List<LoraWeights> own = rest.subList(rest.size() * part / count, rest.size() * (part + 1) / count);
            result.add(built(withNeighbours(own, wanted), 0).orElseGet(() -> built(own, 0).orElseThrow()));
        }
        List<LoraStack> replaced = stacks.stream().filter(stack -> !result.contains(stack) && stack.holds(wanted) > 0).toList();
        replaced.forEach(LoraStack::close);
        stacks.removeAll(replaced);
        return result;
    }

    /** A stack takes in what the one used last held, which may come back. */
    private List<LoraWeights> withNeighbours(List<LoraWeights> own, Set<LoraWeights> wanted) {
        List<LoraWeights> members = new ArrayList<>(own);
        if (!stacks.isEmpty()) {
            stacks.get(stacks.size() - 1).members().stream().filter(one -> !wanted.contains(one))
                    .limit(Math.max(0, StackCover.mostMembers(own.size()) - own.size())).forEach(members::add);
        }
        return members;
    }

    /** Empty when one has been freed: an adapter that no row uses may be, by another thread, at any time but while it is held. */
    private Optional<LoraStack> built(List<LoraWeights> members, int held) {
        if (held < members.size()) {
            synchronized (members.get(held)) {
                return members.get(held).isClosed() ? Optional.empty() : built(members, held + 1);
            }
        }
        try (Value lists = parts.torch().list(members.stream().map(LoraWeights::tensors).toList())) {
            return Optional.of(new LoraStack(members, parts.script().call("stack_int8", lists)));
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
