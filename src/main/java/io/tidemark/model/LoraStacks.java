package io.tidemark.model;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Decides for a step which of its adapters run stacked, and keeps the stacks. A stack takes as long to pack as some steps,
 * so an adapter joins one only when it stays, a stack that holds others too will do, and it is packed on another thread
 * while the adapters run on.
 *
 * <p>A row that is alone is never stacked, so that a seeded request gives its text again whatever ran before it. Deterministic
 * steps stack all adapters, always, and wait for it.
 *
 * <p>Only int8 stacks: two products of bytes cost less than many small ones. A row multiplies the ranks of its whole stack,
 * and each stack costs two calls a linear: so a stack is neither all adapters of a step nor one.
 */
final class LoraStacks implements AutoCloseable {

    /** Steps that an adapter runs on its own before it is stacked. */
    private static final int STEPS_BEFORE = 4;
    /** Steps that adapters run in more stacks than they need before they are gathered. */
    private static final int STEPS_SCATTERED = 32;
    /** Tokens that an adapter has in a step from which on it runs on its own: in a stack each would multiply all members' ranks. */
    private static final int TOKENS_ALONE = 32;
    /** Stacks kept that a step does not use; the one used longest ago goes. */
    private static final int MOST_IDLE = 4;

    private final boolean stacking;
    private final boolean deterministic;
    private final StackBuilder builder;
    private final JoinedStack joined;
    /** The one used last is last. */
    private final List<LoraStack> stacks = new ArrayList<>();
    /** What goes when the stacks that are being built have come. */
    private final List<LoraStack> replaced = new ArrayList<>();
    private final Map<LoraWeights, Integer> waited = new HashMap<>();
    private int scattered;
    /** The last step's, where nothing is left to be done for its adapters. */
    private Optional<LoraPlaces> settled = Optional.empty();

    LoraStacks(DecoderParts parts) {
        this.stacking = parts.options().computeType() == ComputeType.INT8;
        this.deterministic = parts.options().deterministic();
        this.builder = new StackBuilder(parts);
        this.joined = new JoinedStack(builder, parts);
    }

    /** What the step is to use. It stays open until the next call. */
    synchronized LoraPlaces forStep(List<StepRow> batch) {
        take(builder.take());
        joined.take();
        List.copyOf(stacks).stream().filter(LoraStack::isSpoilt).forEach(this::drop);
        Set<LoraWeights> wanted = wanted(batch);
        if (wanted.isEmpty()) {
            return LoraPlaces.NONE;
        }
        return settled.filter(places -> places.isFor(wanted)).orElseGet(() -> placed(wanted));
    }

    private LoraPlaces placed(Set<LoraWeights> wanted) {
        StackCover cover = StackCover.of(wanted, stacks);
        List<LoraWeights> due = builder.isBusy() ? List.of() : due(cover);
        if (!due.isEmpty() && deterministic) {
            take(builder.build(evenly(due)));
            cover = StackCover.of(wanted, stacks);
        } else if (!due.isEmpty()) {
            builder.start(evenly(due));
        }
        keep(cover.used());
        LoraPlaces places = new LoraPlaces(joined.inPlaceOf(cover), wanted);
        boolean done = cover.outside().isEmpty() && !cover.isScattered() && !builder.isBusy() && joined.isSettled(places.stacks());
        settled = done ? Optional.of(places) : Optional.empty();
        return places;
    }

    /** Whether adapters are being stacked for the steps to come. */
    synchronized boolean isBuilding() {
        return builder.isBusy();
    }

    synchronized boolean isJoined(Collection<LoraWeights> adapters) {
        return joined.has(adapters);
    }

    private void take(List<LoraStack> built) {
        if (!built.isEmpty()) {
            replaced.forEach(this::drop);
            replaced.clear();
            stacks.addAll(built);
        }
    }

    /** The adapters that should be stacked. */
    private Set<LoraWeights> wanted(List<StepRow> batch) {
        if (!stacking || batch.size() == 1 && !deterministic) {
            return Set.of();
        }
        Map<LoraWeights, Integer> tokens = new LinkedHashMap<>();
        batch.stream().filter(row -> row.effectiveLoraLayers() > 0)
                .forEach(row -> tokens.merge(row.lora().orElseThrow(), row.tokens().size(), Integer::sum));
        tokens.values().removeIf(count -> count >= TOKENS_ALONE && !deterministic);
        return tokens.keySet();
    }

    /** The adapters for which stacks should be built now. */
    private List<LoraWeights> due(StackCover cover) {
        replaced.clear(); // what a build that failed has left
        waited.keySet().retainAll(cover.outside());
        cover.outside().forEach(one -> waited.merge(one, 1, Integer::sum));
        scattered = cover.isScattered() ? scattered + 1 : 0;
        if (scattered > STEPS_SCATTERED) {
            scattered = 0;
            return gathered(cover);
        }
        if (waited.values().stream().anyMatch(steps -> deterministic || steps > STEPS_BEFORE)) {
            waited.clear();
            return List.copyOf(cover.outside());
        }
        return List.of();
    }

    /** All but those in full stacks; the other stacks go. */
    private List<LoraWeights> gathered(StackCover cover) {
        Set<LoraWeights> rest = new LinkedHashSet<>(cover.wanted());
        for (LoraStack stack : cover.used()) {
            if (stack.holds(cover.wanted()) < StackCover.MOST_MEMBERS) {
                replaced.add(stack);
            } else {
                stack.members().forEach(rest::remove);
            }
        }
        return List.copyOf(rest);
    }

    /** As few stacks as they need, of like size. */
    private static List<List<LoraWeights>> evenly(List<LoraWeights> adapters) {
        int count = StackCover.fewestStacks(adapters.size());
        return IntStream.range(0, count)
                .mapToObj(i -> adapters.subList(adapters.size() * i / count, adapters.size() * (i + 1) / count)).toList();
    }

    private void keep(List<LoraStack> used) {
        stacks.removeAll(used);
        while (stacks.size() > MOST_IDLE) {
            stacks.remove(0).close();
        }
        stacks.addAll(used);
    }

    private void drop(LoraStack stack) {
        if (stacks.remove(stack)) {
            stack.close();
        }
    }

    @Override
    public synchronized void close() {
        builder.close();
        joined.close();
        stacks.forEach(LoraStack::close);
        stacks.clear();
    }
}
