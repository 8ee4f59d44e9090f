package io.tidemark.calibration.rule;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.TreeSet;

/**
 * The boundaries of an epoch, fixed at its start: the candidates of the settings and the boundary in force. Statistics
 * and test martingales cover these, and the correction for multiple tests is for their number.
 *
 * @param candidates the candidates of the settings, ascending, with 0 and L
 * @param kept       the boundary that the rule had put in force at the start of the epoch, if it is no candidate
 */
public record EpochSet(List<Integer> candidates, OptionalInt kept) {

    /** The largest number of candidates, which bounds the size of a state. No model has as many layers. */
    private static final int MAX_BOUNDARIES = 1024;

    /** @throws IllegalArgumentException if the boundaries are not ascending from 0, or too many */
    public EpochSet {
        candidates = List.copyOf(candidates);
        boolean ascending = new ArrayList<>(new TreeSet<>(candidates)).equals(candidates);
        if (!ascending || candidates.size() < 2 || candidates.size() > MAX_BOUNDARIES || candidates.get(0) != 0) {
            throw new IllegalArgumentException("the candidates of an epoch must ascend from 0, and be 2 to "
                    + MAX_BOUNDARIES + ": " + candidates.size() + " boundaries");
        }
        int layers = candidates.get(candidates.size() - 1);
        if (kept.isPresent()
                && (kept.getAsInt() < 0 || kept.getAsInt() >= layers || candidates.contains(kept.getAsInt()))) {
            throw new IllegalArgumentException(
                    "the kept boundary must be below " + layers + ", and no candidate: " + kept.getAsInt());
        }
    }

    /**
     * The set of candidates and the boundary in force.
     *
     * @param inForce the boundary in force, or L if it is pinned
     */
    static EpochSet of(List<Integer> candidates, int inForce) {
        return new EpochSet(candidates, candidates.contains(inForce) ? OptionalInt.empty() : OptionalInt.of(inForce));
    }

    /** The candidates and the kept boundary, ascending. The last one is L. */
    public List<Integer> boundaries() {
        if (kept.isEmpty()) {
            return candidates;
        }
        TreeSet<Integer> all = new TreeSet<>(candidates);
        all.add(kept.getAsInt());
        return List.copyOf(all);
    }

    /** The number of layers L. */
    public int numLayers() {
        return candidates.get(candidates.size() - 1);
    }

    /** K, the number of boundaries below L. */
    int tested() {
        return candidates.size() - 1 + (kept.isPresent() ? 1 : 0);
    }

    /** The place of a boundary among {@link #boundaries}; negative if it is not one of them. */
    int indexOf(int boundary) {
        return boundaries().indexOf(boundary);
    }
}
