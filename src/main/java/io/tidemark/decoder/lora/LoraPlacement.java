package io.tidemark.decoder.lora;

import static io.tidemark.decoder.script.DecoderScript.NONE;

import io.tidemark.decoder.script.DecoderScript;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where each adapter of a step runs: in one of the packed groups, or unpacked.
 *
 * @param groups the packed groups that the step uses
 * @param places places of the packed adapters; groups may have other members too
 */
public record LoraPlacement(List<PackedLoraGroup> groups, Map<LoraWeights, Place> places) {

    /** All adapters run unpacked. */
    public static final LoraPlacement UNPACKED = new LoraPlacement(List.of(), Map.of());

    private static final Place NO_PLACE = new Place(NONE, NONE);

    /**
     * @param group  index of the packed group, {@link DecoderScript#NONE} if unpacked
     * @param member index of the adapter in the group, {@link DecoderScript#NONE} if unpacked
     */
    public record Place(long group, long member) {

        public boolean isPacked() {
            return group != NONE;
        }
    }

    public LoraPlacement {
        groups = List.copyOf(groups);
        places = Map.copyOf(places);
    }

    /** Places each adapter in the first group that has it. */
    static LoraPlacement of(List<PackedLoraGroup> groups, Set<LoraWeights> adapters) {
        Map<LoraWeights, Place> places = new HashMap<>();
        for (int group = 0; group < groups.size(); group++) {
            List<LoraWeights> members = groups.get(group).members();
            for (int member = 0; member < members.size(); member++) {
                if (adapters.contains(members.get(member))) {
                    places.putIfAbsent(members.get(member), new Place(group, member));
                }
            }
        }
        return new LoraPlacement(groups, places);
    }

    public Place place(LoraWeights weights) {
        return places.getOrDefault(weights, NO_PLACE);
    }

    /** Whether this places exactly these adapters, and no member of a group was closed. */
    boolean isValidFor(Set<LoraWeights> adapters) {
        return places.keySet().equals(adapters) && groups.stream().noneMatch(PackedLoraGroup::isStale);
    }
}
