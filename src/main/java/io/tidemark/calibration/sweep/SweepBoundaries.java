package io.tidemark.calibration.sweep;

import java.util.Collections;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The boundaries that a sweep scores, and their cost.
 *
 * @param numLayers the number of layers L
 * @param chosen    the boundaries to score, one or more of 0 to L
 */
public record SweepBoundaries(int numLayers, SortedSet<Integer> chosen) {

    public SweepBoundaries {
        chosen = Collections.unmodifiableSortedSet(new TreeSet<>(chosen));
        if (chosen.isEmpty() || chosen.first() < 0 || chosen.last() > numLayers) {
            throw new IllegalArgumentException("boundaries must be at least one of 0 to " + numLayers + ": " + chosen);
        }
    }

    /** All boundaries 0 to L. */
    public static SweepBoundaries all(int numLayers) {
        return new SweepBoundaries(
                numLayers, IntStream.rangeClosed(0, numLayers).boxed().collect(Collectors.toCollection(TreeSet::new)));
    }

    /** Whether a state branches off before this layer. */
    boolean branchesAt(int layer) {
        return chosen.contains(layer);
    }

    /** The number of layers that are applied with LoRA. */
    int prefixLayers() {
        return chosen.last();
    }

    /** Whether full LoRA is one of the boundaries. */
    boolean scoresFull() {
        return chosen.last() == numLayers;
    }

    /** How often a layer is applied to a state of a batch; L(L+1)/2 + L for all boundaries. */
    public long layerEvaluations() {
        return prefixLayers()
                + chosen.stream().mapToLong(boundary -> numLayers - boundary).sum();
    }
}
