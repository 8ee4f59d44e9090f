package io.tidemark.model;

import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Decides for a step whether its adapters run stacked or group by group, and keeps the stacks. A stack costs as much as
 * some steps, so it is built for adapters that stay together, and one that holds more adapters than the step has will do.
 *
 * <p>Only int8 stacks: two products of bytes cost less than many small ones. A single token's LoRA is cheaper by groups.
 */
final class LoraStacks implements AutoCloseable {

    /** Steps that the same adapters run group by group before they are stacked. */
    private static final int STEPS_BEFORE = 4;
    /** Stacks kept; the one used longest ago goes. */
    private static final int MOST_STACKS = 4;
    /** A new stack takes in what the last one held as long as it has no more adapters than this. */
    private static final int SMALL = 8;

    private final DecoderParts parts;
    private final LoraStack none;
    private final List<LoraStack> stacks = new ArrayList<>();
    private List<LoraWeights> waiting = List.of();
    private int waited;

    LoraStacks(DecoderParts parts) {
        this.parts = parts;
        this.none = new LoraStack(List.of(), parts.noStack());
    }

    /** What the step is to use. It stays open until the next call. */
    synchronized LoraStack forStep(StepPlan plan) {
        ModelOptions options = parts.options();
        List<LoraWeights> wanted = plan.groups().stream().map(LoraGroup::weights).distinct().toList();
        if (options.computeType() != ComputeType.INT8 || wanted.isEmpty() || plan.tokens() == 1 && !options.deterministic()) {
            return none;
        }
        dropSpoilt();
        for (LoraStack stack : stacks) {
            if (stack.holds(wanted) && stack.members().size() <= Math.max(SMALL, 2 * wanted.size())) {
                stacks.remove(stack);
                stacks.add(stack);
                return stack;
            }
        }
        waited = waiting.equals(wanted) ? waited + 1 : 0;
        waiting = wanted;
        return options.deterministic() || waited >= STEPS_BEFORE ? stacked(wanted) : none;
    }

    private LoraStack stacked(List<LoraWeights> wanted) {
        List<LoraWeights> members = new ArrayList<>(wanted);
        if (!stacks.isEmpty()) {
            List<LoraWeights> more = stacks.get(stacks.size() - 1).members().stream().filter(one -> !wanted.contains(one)).toList();
            if (members.size() + more.size() <= SMALL) {
                members.addAll(more);
            }
        }
        while (stacks.size() >= MOST_STACKS) {
            stacks.remove(0).close();
        }
        LoraStack stack = built(members, 0).orElseGet(() -> built(wanted, 0).orElseThrow());
        stacks.add(stack);
        return stack;
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
