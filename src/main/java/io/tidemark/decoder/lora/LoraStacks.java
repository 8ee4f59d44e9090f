package io.tidemark.decoder.lora;

import io.tidemark.decoder.DecoderFailed;
import io.tidemark.decoder.DecoderParts;
import io.tidemark.decoder.StepRow;
import io.tidemark.model.ComputeType;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The stacks of adapters of a process, and which of them each step uses. Each adapter is a stack of its own from the
 * beginning. Several adapters that run together cost less as one stack. A shared stack is a copy, so it is built only for
 * adapters that stay, on another thread while rows run on.
 *
 * <p>A row that is alone in its step is never in a stack with others, so that a seeded request gives its text again whatever ran
 * before it.
 *
 * <p>Only int8 stacks. A row multiplies its own adapter's ranks, however many are in the stack, and each stack costs two calls a
 * linear: so a step's adapters are in as few as they may be.
 *
 * <p>Each engine instance is a {@link User}. Stacks are built for the adapters that run in any of them. A stack stays open as
 * long as the last step of some user has it. Safe for use by several threads.
 */
public final class LoraStacks implements AutoCloseable {

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
    private final List<User> users = new ArrayList<>();
    /** Stacks that no step takes any more, but the last step of some user has. */
    private final List<LoraStack> leaving = new ArrayList<>();
    /** For which adapters stacks were built last in place of such as served them badly. */
    private Set<LoraWeights> gathered = Set.of();

    public LoraStacks(DecoderParts parts) {
        this.stacking = parts.options().computeType() == ComputeType.INT8;
        this.deterministic = parts.options().deterministic();
        this.mostBytes = parts.options().packedLoraBytes();
        this.groups = new StackGroups(mostBytes / 4);
        this.builder = new StackBuilder(parts);
        this.joined = new JoinedStack(builder, parts);
    }

    public synchronized User newUser() {
        User user = new User();
        users.add(user);
        return user;
    }

    /** Whether adapters are being stacked for the steps to come. */
    public synchronized boolean isBuilding() {
        return builder.isBusy();
    }

    public synchronized boolean isJoined(Collection<LoraWeights> adapters) {
        return joined.has(adapters);
    }

    /** The steps of one engine instance, which run one at a time. */
    public final class User implements AutoCloseable {

        /** The adapters of the last step that are to be stacked; none where its only row was alone. */
        private Set<LoraWeights> running = Set.of();
        /** What the last step uses. */
        private List<LoraStack> used = List.of();

        private final JoinedStack.Alone alone = new JoinedStack.Alone();
        private int loose;
        /** The last step's places, where nothing is left to be done for its adapters. */
        private Optional<LoraPlaces> settled = Optional.empty();

        private User() {}

        /** What the step is to use. It stays open until the next call, {@link #pause} or {@link #close}. */
        public LoraPlaces forStep(List<StepRow> batch) {
            synchronized (LoraStacks.this) {
                take();
                Set<LoraWeights> wanted = wanted(batch);
                running = batch.size() == 1 ? Set.of() : wanted;
                LoraPlaces places = running.isEmpty()
                        ? ownStacks(wanted)
                        : settled.filter(last -> last.isFor(wanted)).orElseGet(() -> placed(this));
                used = places.stacks();
                closeUnused();
                return places;
            }
        }

        /** An unused stack may be closed from now on, so nothing is settled. */
        private LoraPlaces ownStacks(Set<LoraWeights> wanted) {
            settled = Optional.empty();
            return LoraPlaces.of(
                    wanted.stream()
                            .map(adapter -> adapter.stack().orElseThrow())
                            .toList(),
                    wanted);
        }

        /** Whether nothing more will be built for the last step's adapters, if they stay. */
        public boolean isSettled() {
            synchronized (LoraStacks.this) {
                return running.isEmpty() || settled.isPresent();
            }
        }

        /** No step follows for now: the last step's stacks may be closed. */
        public void pause() {
            synchronized (LoraStacks.this) {
                running = Set.of();
                used = List.of();
                settled = Optional.empty();
                closeUnused();
            }
        }

        @Override
        public void close() {
            synchronized (LoraStacks.this) {
                pause();
                users.remove(this);
            }
        }
    }

    /** Takes what was built since. Each adapter has a stack of its own, so one that could not be built is done without. */
    private void take() {
        try {
            shared.add(builder.take());
        } catch (DecoderFailed e) {
            LOG.log(System.Logger.Level.WARNING, "adapters that run together get no stack that they share", e);
        }
        leaving.addAll(joined.take());
        leaving.addAll(shared.takeSpoilt());
    }

    private LoraPlaces placed(User user) {
        Set<LoraWeights> together = new LinkedHashSet<>();
        users.forEach(each -> together.addAll(each.running));
        StackCover cover = StackCover.of(user.running, shared.all());
        boolean couldGather = groups.isLoose(cover, together) && !gathered.equals(together);
        if (!builder.isBusy()) {
            user.loose = couldGather ? user.loose + 1 : 0;
        }
        if (user.loose > STEPS_LOOSE) {
            user.loose = 0;
            couldGather = false;
            gathered = Set.copyOf(together);
            List<List<LoraWeights>> due = groups.missing(together, shared.all());
            if (!due.isEmpty()) {
                builder.start(due);
            }
        }
        shared.use(cover.used());
        leaving.addAll(shared.takeOldest(mostBytes - joined.bytes(), usedByOthers(user)));
        LoraPlaces places =
                LoraPlaces.of(joined.inPlaceOf(cover, user.alone, usedByOthers(user), leaving), user.running);
        boolean done = !couldGather && !builder.isBusy() && joined.isSettled(places.stacks());
        user.settled = done ? Optional.of(places) : Optional.empty();
        return places;
    }

    private List<LoraStack> usedByOthers(User user) {
        return users.stream()
                .filter(other -> other != user)
                .flatMap(other -> other.used.stream())
                .toList();
    }

    private void closeUnused() {
        for (LoraStack stack : List.copyOf(leaving)) {
            if (users.stream().noneMatch(user -> user.used.contains(stack))) {
                leaving.remove(stack);
                stack.close();
            }
        }
    }

    /** The adapters that should be stacked. */
    private Set<LoraWeights> wanted(List<StepRow> batch) {
        if (!stacking) {
            return Set.of();
        }
        Map<LoraWeights, Integer> tokens = new LinkedHashMap<>();
        batch.stream()
                .filter(row -> row.effectiveLoraLayers() > 0)
                .forEach(row -> tokens.merge(
                        row.lora().orElseThrow(),
                        row.tokens().size() > 1 ? row.tokens().size() : 0,
                        Integer::sum));
        tokens.values().removeIf(count -> count >= PROMPT_TOKENS_ALONE && !deterministic);
        return tokens.keySet();
    }

    @Override
    public synchronized void close() {
        builder.close();
        joined.close();
        shared.close();
        leaving.forEach(LoraStack::close);
        leaving.clear();
    }
}
