package io.tidemark.decoder.lora;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Decides which packed groups a step uses, and which groups to build. Each group costs two calls per linear module, so
 * a step uses as few as possible; but in the tables of a group, each adapter occupies as many ranks as the largest.
 *
 * @param spareBytes bytes that a group may use for ranks that its smaller adapters do not have
 */
record PackingPolicy(long spareBytes) {

    /**
     * Members of a group, at most. The cost of a row does not depend on it, but large groups are rebuilt more often.
     */
    private static final int MAX_MEMBERS = 64;

    /**
     * The groups that serve a step's adapters, largest share first. Of two choices, among all groups and among those
     * whose members are all in the step, it takes the one with fewer groups, then with fewer members. Adapters in no
     * group use their own.
     */
    static List<PackedLoraGroup> groupsFor(Set<LoraWeights> adapters, List<PackedLoraGroup> groups) {
        List<PackedLoraGroup> exact = groups.stream()
                .filter(group -> adapters.containsAll(group.members()))
                .toList();
        return Collections.min(
                List.of(greedyCover(adapters, groups), greedyCover(adapters, exact)),
                Comparator.comparingInt((List<PackedLoraGroup> cover) -> cover.size())
                        .thenComparingInt(PackingPolicy::members));
    }

    private static List<PackedLoraGroup> greedyCover(Set<LoraWeights> adapters, List<PackedLoraGroup> groups) {
        Set<LoraWeights> open = new LinkedHashSet<>(adapters);
        List<PackedLoraGroup> cover = new ArrayList<>();
        for (Optional<PackedLoraGroup> next = largest(groups, open); next.isPresent(); next = largest(groups, open)) {
            cover.add(next.get());
            next.get().members().forEach(open::remove);
        }
        open.forEach(adapter -> cover.add(adapter.packed().orElseThrow()));
        return cover;
    }

    /** The group with most of these adapters; of several, the one with the fewest members. */
    private static Optional<PackedLoraGroup> largest(List<PackedLoraGroup> groups, Set<LoraWeights> open) {
        return groups.stream()
                .filter(group -> group.count(open) > 0)
                .max(Comparator.comparingInt((PackedLoraGroup group) -> group.count(open))
                        .thenComparingInt(group -> -group.members().size()));
    }

    private static int members(List<PackedLoraGroup> groups) {
        return groups.stream().mapToInt(group -> group.members().size()).sum();
    }

    /**
     * Whether new groups could serve a step better than these.
     *
     * @param adapters the adapters of the step
     * @param running  the adapters of the steps of all engine instances
     */
    boolean canImprove(List<PackedLoraGroup> groups, Set<LoraWeights> adapters, Set<LoraWeights> running) {
        return groups.size() > partition(adapters).size()
                || FusedLoraGroup.isSmall(running)
                        && !groups.stream().allMatch(group -> FusedLoraGroup.isSmall(group.members()));
    }

    /** The members of the groups to build for these adapters. */
    List<List<LoraWeights>> missing(Set<LoraWeights> running, List<PackedLoraGroup> groups) {
        return partition(running).stream()
                .filter(members -> members.size() > 1 && groups.stream().noneMatch(group -> serves(group, members)))
                .toList();
    }

    private static boolean serves(PackedLoraGroup group, List<LoraWeights> members) {
        return group.members().containsAll(members)
                && (FusedLoraGroup.isSmall(group.members()) || !FusedLoraGroup.isSmall(members));
    }

    private List<List<LoraWeights>> partition(Collection<LoraWeights> adapters) {
        List<List<LoraWeights>> partition = new ArrayList<>();
        for (LoraWeights adapter : adapters.stream()
                .sorted(Comparator.comparingLong(PackingPolicy::bytes).reversed())
                .toList()) {
            if (partition.isEmpty() || !fits(partition.get(partition.size() - 1), adapter)) {
                partition.add(new ArrayList<>());
            }
            partition.get(partition.size() - 1).add(adapter);
        }
        return partition;
    }

    /** @param members ordered by size, largest first */
    private boolean fits(List<LoraWeights> members, LoraWeights adapter) {
        long largest = bytes(members.get(0));
        long spare = (members.size() + 1) * largest
                - members.stream().mapToLong(PackingPolicy::bytes).sum()
                - bytes(adapter);
        return members.size() < MAX_MEMBERS && (2 * bytes(adapter) >= largest || spare <= spareBytes);
    }

    private static long bytes(LoraWeights adapter) {
        return adapter.packed().orElseThrow().bytes();
    }
}
