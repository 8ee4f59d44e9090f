package io.tidemark.decoder.lora;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where each adapter of a step runs: in one of the stacks, or outside them on its own.
 *
 * @param stacks what the step uses
 * @param places of the adapters that run in stacks; a stack may hold others of the step too
 */
public record LoraPlaces(List<LoraStack> stacks, Map<LoraWeights, Place> places) {

    private static final Place OUTSIDE = new Place(-1, -1);

    /**
     * @param stack  the index of a stack, -1 outside the stacks
     * @param member where an adapter stands in it, -1 outside the stacks
     */
    public record Place(int stack, int member) {}

    public LoraPlaces {
        stacks = List.copyOf(stacks);
        places = Map.copyOf(places);
    }

    /** Each of these adapters in the first of the stacks that holds it. */
    public static LoraPlaces of(List<LoraStack> stacks, Set<LoraWeights> wanted) {
        Map<LoraWeights, Place> places = new HashMap<>();
        for (int stack = 0; stack < stacks.size(); stack++) {
            List<LoraWeights> members = stacks.get(stack).members();
            for (int member = 0; member < members.size(); member++) {
                if (wanted.contains(members.get(member))) {
                    places.putIfAbsent(members.get(member), new Place(stack, member));
                }
            }
        }
        return new LoraPlaces(stacks, places);
    }

    /** Whether it serves these adapters, with stacks whose members are all there. */
    public boolean isFor(Set<LoraWeights> adapters) {
        return places.keySet().equals(adapters) && stacks.stream().noneMatch(LoraStack::isSpoilt);
    }

    public Place placeOf(LoraWeights weights) {
        return places.getOrDefault(weights, OUTSIDE);
    }
}
