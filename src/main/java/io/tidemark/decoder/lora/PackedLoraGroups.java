package io.tidemark.decoder.lora;

import io.tidemark.decoder.lora.FusedLoraGroup.SingleGroupSteps;
import io.tidemark.decoder.script.DecoderException;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The packed groups of adapters of a process, used with int8 only. Each adapter has a group of its own. Adapters that
 * run together cost less in one group; a shared group is a copy, so it is built only for adapters that keep running, on
 * another thread while steps run. Shared groups that no step uses stay cached within a limit of bytes, and the least
 * recently used ones are evicted. A row costs the same in a group of any size, and each group costs two calls per
 * linear module, so a step uses as few groups as possible.
 *
 * <p>A row that is alone in its step never uses a shared group: the text of a request with a seed must not depend on
 * the requests before it.
 *
 * <p>Each engine instance has an {@link Instance}. Groups are built for the adapters that run in any of them. A group
 * stays open as long as the last step of any instance uses it. Thread-safe.
 */
public final class PackedLoraGroups implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger(PackedLoraGroups.class.getName());
    /** Steps with improvable groups before new groups are built. */
    private static final int STEPS_BEFORE_BUILDING = 16;
    /**
     * An adapter with at least this many prompt tokens in a step runs unpacked, in float32: the cost of a token is
     * constant in a packed group, and falls with the number of tokens outside.
     */
    private static final int UNPACKED_PROMPT_TOKENS = 12;

    private final boolean deterministic;
    private final long maxBytes;
    private final PackedGroupBuilder builder;
    private final FusedLoraGroup fused;
    private final PackingPolicy policy;
    /** Groups with several members, least recently used first. */
    private final List<PackedLoraGroup> shared = new ArrayList<>();
    /** How many groups at the end of {@code shared} the last step uses. */
    private int sharedInStep;

    private final List<Instance> instances = new ArrayList<>();
    /** Groups that new steps do not use, but the last step of an instance does. */
    private final List<PackedLoraGroup> retired = new ArrayList<>();
    /** The running adapters for which groups were built last. */
    private Set<LoraWeights> lastBuilt = Set.of();

    /** @param script the decoder's script */
    public PackedLoraGroups(Torch torch, Script script, ModelConfig config, ModelOptions options) {
        this.deterministic = options.deterministic();
        this.maxBytes = options.packedLoraBytes();
        this.policy = new PackingPolicy(maxBytes / 4);
        this.builder = new PackedGroupBuilder(torch, script);
        this.fused = new FusedLoraGroup(builder, config, options);
    }

    public synchronized Instance newInstance() {
        Instance instance = new Instance();
        instances.add(instance);
        return instance;
    }

    /** Whether groups are being built. */
    public synchronized boolean isBuilding() {
        return builder.isBusy();
    }

    /** Whether the fused group contains all these adapters. */
    public synchronized boolean isFused(Collection<LoraWeights> adapters) {
        return fused.contains(adapters);
    }

    /** The steps of one engine instance, which run one after another. */
    public final class Instance implements AutoCloseable {

        /** The packed adapters of the last step; empty if the step had one row. */
        private Set<LoraWeights> running = Set.of();
        /** The groups of the last step. */
        private List<PackedLoraGroup> used = List.of();

        private final SingleGroupSteps singleGroupSteps = new SingleGroupSteps();
        /** Steps in a row with improvable groups. */
        private int improvableSteps;
        /** The placement of the last step, if it does not change any more for the same adapters. */
        private Optional<LoraPlacement> stable = Optional.empty();

        private Instance() {}

        /**
         * Places the adapters of a step. The groups stay open until the next call of this method, {@link #pause} or
         * {@link #close}.
         *
         * @param promptTokens the adapters of the step's rows, each with the number of tokens of its prompt chunks
         * @param rows         number of rows of the step
         */
        public LoraPlacement place(Map<LoraWeights, Integer> promptTokens, int rows) {
            synchronized (PackedLoraGroups.this) {
                update();
                Set<LoraWeights> packed = packed(promptTokens);
                running = rows == 1 ? Set.of() : packed;
                LoraPlacement placement = running.isEmpty()
                        ? placeInOwnGroups(packed)
                        : stable.filter(last -> last.isValidFor(packed))
                                .orElseGet(() -> placeInSharedGroups(this, packed.size() == promptTokens.size()));
                used = placement.groups();
                closeRetired();
                return placement;
            }
        }

        /** Shared groups may be closed after this step, so the placement is not stable. */
        private LoraPlacement placeInOwnGroups(Set<LoraWeights> adapters) {
            stable = Optional.empty();
            List<PackedLoraGroup> groups = adapters.stream()
                    .map(adapter -> adapter.packed().orElseThrow())
                    .toList();
            return LoraPlacement.of(groups, adapters);
        }

        /** Whether no group will be built or fused while steps have the adapters of the last step. */
        public boolean isStable() {
            synchronized (PackedLoraGroups.this) {
                return running.isEmpty() || stable.isPresent();
            }
        }

        /**
         * Whether shared groups are being built, or will be after some further steps with the packed adapters of the
         * last one. Steps in shared groups take less time. False if the last step had no packed adapters, or one row.
         */
        public boolean expectsGroups() {
            synchronized (PackedLoraGroups.this) {
                return !running.isEmpty() && (builder.isBuilding() || improvableSteps > 0);
            }
        }

        /** Releases the groups of the last step. */
        public void pause() {
            synchronized (PackedLoraGroups.this) {
                running = Set.of();
                used = List.of();
                stable = Optional.empty();
                closeRetired();
            }
        }

        @Override
        public void close() {
            synchronized (PackedLoraGroups.this) {
                pause();
                instances.remove(this);
            }
        }
    }

    /** Takes finished groups and retires stale ones. If building failed, adapters run in their own groups. */
    private void update() {
        try {
            shared.addAll(builder.take());
        } catch (DecoderException e) {
            LOG.log(System.Logger.Level.WARNING, "could not pack adapters together; they run in separate groups", e);
        }
        retired.addAll(fused.update());
        List<PackedLoraGroup> stale =
                shared.stream().filter(PackedLoraGroup::isStale).toList();
        shared.removeAll(stale);
        retired.addAll(stale);
    }

    private Set<LoraWeights> packed(Map<LoraWeights, Integer> promptTokens) {
        Set<LoraWeights> packed = new LinkedHashSet<>();
        promptTokens.forEach((adapter, tokens) -> {
            if (deterministic || tokens < UNPACKED_PROMPT_TOKENS) {
                packed.add(adapter);
            }
        });
        return packed;
    }

    /**
     * @param allPacked whether all adapters of the step are packed. If a prompt makes one of them run unpacked, the
     *                  step uses the groups that exist, and it does not count for building others.
     */
    private LoraPlacement placeInSharedGroups(Instance instance, boolean allPacked) {
        Set<LoraWeights> runningAnywhere = new LinkedHashSet<>();
        instances.forEach(each -> runningAnywhere.addAll(each.running));
        List<PackedLoraGroup> groups = PackingPolicy.groupsFor(instance.running, shared);
        if (!allPacked) {
            touch(groups);
            instance.stable = Optional.empty();
            return LoraPlacement.of(fused.inPlaceOf(groups), instance.running);
        }
        boolean improvable =
                policy.canImprove(groups, instance.running, runningAnywhere) && !lastBuilt.equals(runningAnywhere);
        if (!builder.isBusy()) {
            instance.improvableSteps = improvable ? instance.improvableSteps + 1 : 0;
        }
        if (instance.improvableSteps > STEPS_BEFORE_BUILDING) {
            instance.improvableSteps = 0;
            improvable = false;
            lastBuilt = Set.copyOf(runningAnywhere);
            List<List<LoraWeights>> missing = policy.missing(runningAnywhere, shared);
            if (!missing.isEmpty()) {
                builder.start(missing);
            }
        }
        List<PackedLoraGroup> others = usedByOthers(instance);
        touch(groups);
        retired.addAll(evict(maxBytes - fused.bytes(), others));
        List<PackedLoraGroup> used = fused.groupsFor(groups, instance.singleGroupSteps, others, retired);
        LoraPlacement placement = LoraPlacement.of(used, instance.running);
        boolean stable = !improvable && !builder.isBusy() && fused.isStable(used);
        instance.stable = stable ? Optional.of(placement) : Optional.empty();
        return placement;
    }

    private List<PackedLoraGroup> usedByOthers(Instance instance) {
        return instances.stream()
                .filter(other -> other != instance)
                .flatMap(other -> other.used.stream())
                .toList();
    }

    /** Marks the shared ones of these groups as most recently used. */
    private void touch(List<PackedLoraGroup> used) {
        List<PackedLoraGroup> touched = used.stream().filter(shared::contains).toList();
        shared.removeAll(touched);
        shared.addAll(touched);
        sharedInStep = touched.size();
    }

    /**
     * Removes the least recently used of the groups that no step uses, until the rest has at most {@code limit} bytes.
     *
     * @param others groups in use by other instances
     */
    private List<PackedLoraGroup> evict(long limit, List<PackedLoraGroup> others) {
        List<PackedLoraGroup> unused = new ArrayList<>(shared.subList(0, shared.size() - sharedInStep));
        unused.removeAll(others);
        long bytes = unused.stream().mapToLong(PackedLoraGroup::bytes).sum();
        List<PackedLoraGroup> evicted = new ArrayList<>();
        for (PackedLoraGroup group : unused) {
            if (bytes <= limit) {
                break;
            }
            bytes -= group.bytes();
            evicted.add(group);
        }
        shared.removeAll(evicted);
        return evicted;
    }

    private void closeRetired() {
        for (PackedLoraGroup group : List.copyOf(retired)) {
            if (instances.stream().noneMatch(instance -> instance.used.contains(group))) {
                retired.remove(group);
                group.close();
            }
        }
    }

    @Override
    public synchronized void close() {
        builder.close();
        fused.close();
        shared.forEach(PackedLoraGroup::close);
        shared.clear();
        retired.forEach(PackedLoraGroup::close);
        retired.clear();
    }
}
