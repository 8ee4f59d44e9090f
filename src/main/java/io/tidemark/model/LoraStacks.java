package io.tidemark.model;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Decides for a step which of its adapters run stacked, and keeps the stacks. Each adapter is a stack of its own from the
 * beginning, and several that run together cost less as one: which takes a copy, so it is for such as stay, one that holds
 * others too does as well, and it is made on another thread while rows run on.
 *
 * <p>A row that is alone is never in a stack with others, so that a seeded request gives its text again whatever ran before it.
 *
 * <p>Only int8 stacks. A row multiplies its own adapter's ranks, however many are in the stack, and each stack costs two calls a
 * linear: so a step's adapters are in as few as they may be.
 */
final class LoraStacks implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger(LoraStacks.class.getName());
    /** Steps that adapters run in stacks that serve them badly before others are built. */
    private static final int STEPS_LOOSE = 16;
    /** Tokens of prompts that an adapter has in a step from which on it runs in float32: in a stack each costs the same, there ever less. */
    private static final int PROMPT_TOKENS_ALONE = 32;

    private final boolean stacking;
    private final boolean deterministic;
    private final long mostBytes;
    private final StackBuilder builder;
    private final JoinedStack joined;
    private final StackGroups groups;
    private final SharedStacks shared = new SharedStacks();
    private int loose;
    /** For which adapters stacks were built last in place of such as served them badly. */
    private Set<LoraWeights> gathered = Set.of();
    /** Whether nothing is ever built for such as the last step. */
    private boolean idle = true;
    /** The last step's with adapters, where nothing is left to be done for its adapters. */
    private Optional<LoraPlaces> settled = Optional.empty();

    LoraStacks(DecoderParts parts) {
        this.stacking = parts.options().computeType() == ComputeType.INT8;
        this.deterministic = parts.options().deterministic();
        this.mostBytes = parts.options().stackBytes();
        this.groups = new StackGroups(mostBytes / 4);
        this.builder = new StackBuilder(parts);
        this.joined = new JoinedStack(builder, parts);
    }

    /** What the step is to use. It stays open until the next call. */
    synchronized LoraPlaces forStep(List<StepRow> batch) {
        takeBuilt();
        joined.take();
        shared.dropSpoilt();
        Set<LoraWeights> wanted = wanted(batch);
        idle = wanted.isEmpty() || batch.size() == 1;
        if (idle) {
            return LoraPlaces.of(wanted.stream().map(adapter -> adapter.stack().orElseThrow()).toList(), wanted);
        }
        return settled.filter(places -> places.isFor(wanted)).orElseGet(() -> placed(wanted));
    }

    /** Each adapter has a stack of its own, so one that could not be built is done without. */
    private void takeBuilt() {
        try {
            shared.add(builder.take());
        } catch (DecoderFailed e) {
            LOG.log(System.Logger.Level.WARNING, "adapters that run together get no stack that they share", e);
        }
    }

    private LoraPlaces placed(Set<LoraWeights> wanted) {
        StackCover cover = StackCover.of(wanted, shared.all());
        List<List<LoraWeights>> due = builder.isBusy() ? List.of() : due(cover);
        if (!due.isEmpty()) {
            builder.start(due);
        }
        shared.keep(cover.used(), mostBytes - joined.bytes());
        LoraPlaces places = LoraPlaces.of(joined.inPlaceOf(cover), wanted);
        boolean done = !couldGather(cover) && !builder.isBusy() && joined.isSettled(places.stacks());
        settled = done ? Optional.of(places) : Optional.empty();
        return places;
    }

    /** Whether adapters are being stacked for the steps to come. */
    synchronized boolean isBuilding() {
        return builder.isBusy();
    }

    /** Whether nothing more will be built for the last step's adapters, if they stay. */
    synchronized boolean isSettled() {
        return idle || settled.isPresent();
    }

    synchronized boolean isJoined(Collection<LoraWeights> adapters) {
        return joined.has(adapters);
    }

    /** The adapters that should be stacked. */
    private Set<LoraWeights> wanted(List<StepRow> batch) {
        if (!stacking) {
            return Set.of();
        }
        Map<LoraWeights, Integer> tokens = new LinkedHashMap<>();
        batch.stream().filter(row -> row.effectiveLoraLayers() > 0)
                .forEach(row -> tokens.merge(row.lora().orElseThrow(), row.tokens().size() > 1 ? row.tokens().size() : 0, Integer::sum));
        tokens.values().removeIf(count -> count >= PROMPT_TOKENS_ALONE && !deterministic);
        return tokens.keySet();
    }

    /** The adapters of stacks that should be built now. */
    private List<List<LoraWeights>> due(StackCover cover) {
        loose = couldGather(cover) ? loose + 1 : 0;
        if (loose <= STEPS_LOOSE) {
            return List.of();
        }
        loose = 0;
        gathered = cover.wanted();
        return groups.missing(cover);
    }

    private boolean couldGather(StackCover cover) {
        return groups.isLoose(cover) && !gathered.equals(cover.wanted());
    }

    @Override
    public synchronized void close() {
        builder.close();
        joined.close();
        shared.close();
    }
}
