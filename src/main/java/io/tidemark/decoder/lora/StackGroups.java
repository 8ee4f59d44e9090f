package io.tidemark.decoder.lora;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/**
 * Which stacks would serve a step's adapters best. Each costs two calls a linear, so they are as few as may be; but in a
 * stack's tables each adapter takes as many ranks as the largest.
 *
 * @param spareBytes what a stack may take for ranks that its adapters lack
 */
record StackGroups(long spareBytes) {

    /** Adapters of one stack. A row costs the same in a large one as in a small one, but what runs together changes. */
    private static final int MOST_MEMBERS = 64;

    /**
     * Whether others could serve a step's adapters for clearly less.
     *
     * @param together the adapters for which stacks are built: those of the step, and of the steps of other engine instances
     */
    boolean isLoose(StackCover cover, Set<LoraWeights> together) {
        return cover.used().size() > of(cover.wanted()).size()
                || JoinedStack.isSmall(together)
                        && !cover.used().stream().allMatch(stack -> JoinedStack.isSmall(stack.members()));
    }

    /** The members of stacks that these adapters lack. */
    List<List<LoraWeights>> missing(Set<LoraWeights> together, List<LoraStack> stacks) {
        return of(together).stream()
                .filter(group -> group.size() > 1 && stacks.stream().noneMatch(stack -> serves(stack, group)))
                .toList();
    }

    private static boolean serves(LoraStack stack, List<LoraWeights> group) {
        return stack.members().containsAll(group)
                && (JoinedStack.isSmall(stack.members()) || !JoinedStack.isSmall(group));
    }

    private List<List<LoraWeights>> of(Collection<LoraWeights> adapters) {
        List<List<LoraWeights>> groups = new ArrayList<>();
        for (LoraWeights adapter : adapters.stream()
                .sorted(Comparator.comparingLong(StackGroups::bytes).reversed())
                .toList()) {
            if (groups.isEmpty() || !fits(groups.get(groups.size() - 1), adapter)) {
                groups.add(new ArrayList<>());
            }
            groups.get(groups.size() - 1).add(adapter);
        }
        return groups;
    }

    private boolean fits(List<LoraWeights> group, LoraWeights adapter) {
        long most = bytes(group.get(0));
        long spare = (group.size() + 1) * most
                - group.stream().mapToLong(StackGroups::bytes).sum()
                - bytes(adapter);
        return group.size() < MOST_MEMBERS && (2 * bytes(adapter) >= most || spare <= spareBytes);
    }

    private static long bytes(LoraWeights adapter) {
        return adapter.stack().orElseThrow().bytes();
    }
}
