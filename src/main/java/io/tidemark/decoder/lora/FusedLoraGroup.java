package io.tidemark.decoder.lora;

import io.tidemark.decoder.script.DecoderException;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelOptions;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * Keeps one packed group fused with the base model's linear modules: one product computes the base output and A x of
 * the group. This halves the number of small products that LoRA adds to a step with few rows. A fused group holds a
 * copy of the base model's linear modules and takes long to build, so only one group at a time is fused, once it has
 * been the only group of many steps in a row.
 */
final class FusedLoraGroup implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger(FusedLoraGroup.class.getName());
    /** Steps before a group is fused. Building costs about as much as 1,500 fused steps save. */
    private static final int STEPS_BEFORE_FUSING = 512;
    /**
     * A fused product computes A x of all members for every row: with more members it is slower than separate products.
     */
    private static final int MAX_MEMBERS = 16;

    private final PackedGroupBuilder builder;
    private final long copyBytes;
    private boolean enabled;
    private Optional<PackedLoraGroup> fused = Optional.empty();

    /** The number of consecutive steps of one engine instance that used only the same group. */
    static final class SingleGroupSteps {
        private Optional<PackedLoraGroup> group = Optional.empty();
        private int steps;

        private int add(PackedLoraGroup only) {
            steps = group.filter(last -> last == only).isPresent() ? steps + 1 : 0;
            group = Optional.of(only);
            return steps;
        }
    }

    FusedLoraGroup(PackedGroupBuilder builder, ModelConfig config, ModelOptions options) {
        this.builder = builder;
        this.copyBytes = config.layerWeights() * config.numLayers();
        this.enabled = !options.deterministic() && copyBytes <= options.packedLoraBytes() / 2;
    }

    /** Whether a group with these members is small enough to be fused. */
    static boolean isSmall(Collection<LoraWeights> members) {
        return members.size() <= MAX_MEMBERS;
    }

    /**
     * Takes a group that the builder has finished. If building failed, fusing is disabled; steps do not need it.
     *
     * @return the fused group if a member was closed; the caller closes it
     */
    List<PackedLoraGroup> update() {
        try {
            builder.takeFused().ifPresent(group -> fused = Optional.of(group));
        } catch (DecoderException e) {
            enabled = false;
            LOG.log(
                    System.Logger.Level.WARNING,
                    "could not fuse adapters with the base model; steps run without it",
                    e);
        }
        return fused.filter(PackedLoraGroup::isStale).isPresent() ? remove() : List.of();
    }

    /**
     * The groups that a step uses: the fused group if it has the members of the step's only group.
     *
     * @param groups  the groups that serve the step
     * @param steps   of the engine instance whose step it is
     * @param others  groups in use by other engine instances; one of them is not replaced
     * @param retired receives the fused group if another one is built in its place
     */
    List<PackedLoraGroup> groupsFor(
            List<PackedLoraGroup> groups,
            SingleGroupSteps steps,
            List<PackedLoraGroup> others,
            List<PackedLoraGroup> retired) {
        if (!canFuse(groups)) {
            steps.steps = 0;
            return groups;
        }
        PackedLoraGroup only = groups.get(0);
        List<PackedLoraGroup> inPlace = inPlaceOf(groups);
        if (isFused(inPlace)) {
            return inPlace;
        }
        if (fused.filter(others::contains).isPresent()) {
            return groups;
        }
        if (steps.add(only) >= STEPS_BEFORE_FUSING && !builder.isBusy()) {
            steps.steps = 0;
            retired.addAll(remove()); // before building, so that there is one copy at a time
            builder.startFusing(only);
        }
        return groups;
    }

    /** The fused group if it has the members of the only one of these groups, otherwise the groups. */
    List<PackedLoraGroup> inPlaceOf(List<PackedLoraGroup> groups) {
        return canFuse(groups)
                ? fused.filter(group -> group.hasSameMembers(groups.get(0)))
                        .map(List::of)
                        .orElse(groups)
                : groups;
    }

    /** Whether {@link #groupsFor} keeps returning these groups. */
    boolean isStable(List<PackedLoraGroup> groups) {
        return !canFuse(groups) || isFused(groups);
    }

    private boolean isFused(List<PackedLoraGroup> groups) {
        return fused.filter(group -> group == groups.get(0)).isPresent();
    }

    boolean contains(Collection<LoraWeights> adapters) {
        return fused.filter(group -> group.members().containsAll(adapters)).isPresent();
    }

    /** Bytes of the fused group, including the copy of the base model's linear modules. */
    long bytes() {
        return fused.map(group -> copyBytes + group.bytes()).orElse(0L);
    }

    @Override
    public void close() {
        fused.ifPresent(PackedLoraGroup::close);
        fused = Optional.empty();
    }

    private boolean canFuse(List<PackedLoraGroup> groups) {
        return enabled && groups.size() == 1 && isSmall(groups.get(0).members());
    }

    private List<PackedLoraGroup> remove() {
        List<PackedLoraGroup> removed = fused.stream().toList();
        fused = Optional.empty();
        return removed;
    }
}
