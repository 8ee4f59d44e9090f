package io.tidemark.calibration.rule;

import io.tidemark.message.DroppedBoundary;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The boundaries of an epoch: the candidates of the settings and the boundary in force, less those that are dropped.
 * Those of the start are fixed, and the correction for multiple tests is for their number. Statistics and test
 * martingales cover those that are left. Immutable.
 */
public final class EpochSet {

    private final List<Integer> candidates;
    private final OptionalInt kept;
    private final Optional<List<DroppedBoundary>> dropped;
    private final List<Integer> boundaries;

    /**
     * @param candidates the candidates of the settings, ascending, with 0 and L
     * @param kept       the boundary that the rule had put in force at the start of the epoch, if it is no candidate
     * @param dropped    the boundaries that are no longer scored, ascending; empty before this is decided
     * @throws IllegalArgumentException if the boundaries are not ascending from 0, or too many
     */
    EpochSet(List<Integer> candidates, OptionalInt kept, Optional<List<DroppedBoundary>> dropped) {
        this.candidates = List.copyOf(candidates);
        this.kept = kept;
        this.dropped = dropped.map(List::copyOf);
        boolean ascending = new ArrayList<>(new TreeSet<>(candidates)).equals(candidates);
        if (!ascending || candidates.size() < 2 || candidates.size() > Candidates.MAX_COUNT || candidates.get(0) != 0) {
            throw new IllegalArgumentException("the candidates of an epoch must ascend from 0, and be 2 to "
                    + Candidates.MAX_COUNT + ": " + candidates.size() + " boundaries");
        }
        int layers = numLayers();
        if (kept.isPresent()
                && (kept.getAsInt() < 0 || kept.getAsInt() >= layers || candidates.contains(kept.getAsInt()))) {
            throw new IllegalArgumentException(
                    "the kept boundary must be below " + layers + ", and no candidate: " + kept.getAsInt());
        }
        List<Integer> gone = dropped.orElse(List.of()).stream()
                .map(DroppedBoundary::boundary)
                .toList();
        TreeSet<Integer> left = new TreeSet<>(candidates);
        kept.ifPresent(left::add);
        if (!new ArrayList<>(new TreeSet<>(gone)).equals(gone) || !left.containsAll(gone) || gone.contains(layers)) {
            throw new IllegalArgumentException(
                    "the dropped boundaries must ascend, and be boundaries of the epoch below " + layers + ": " + gone);
        }
        gone.forEach(left::remove);
        this.boundaries = List.copyOf(left);
    }

    /**
     * The set of candidates and the boundary in force at the start of an epoch.
     *
     * @param inForce the boundary in force, or L if it is pinned
     */
    static EpochSet of(List<Integer> candidates, int inForce) {
        return new EpochSet(
                candidates,
                candidates.contains(inForce) ? OptionalInt.empty() : OptionalInt.of(inForce),
                Optional.empty());
    }

    public List<Integer> candidates() {
        return candidates;
    }

    /** The boundary that the rule had put in force at the start of the epoch, if it is no candidate. */
    public OptionalInt kept() {
        return kept;
    }

    /** The boundaries that are no longer scored, ascending; empty before this is decided. */
    public Optional<List<DroppedBoundary>> dropped() {
        return dropped;
    }

    /** The boundaries that are scored, ascending. The last one is L. */
    public List<Integer> boundaries() {
        return boundaries;
    }

    /** The number of layers L. */
    public int numLayers() {
        return candidates.get(candidates.size() - 1);
    }

    /** K, the number of boundaries below L at the start of the epoch. */
    int hypotheses() {
        return candidates.size() - 1 + (kept.isPresent() ? 1 : 0);
    }

    /** The number of boundaries below L that are scored. */
    int scored() {
        return boundaries.size() - 1;
    }

    /** The place of a boundary among {@link #boundaries}; negative if it is not one of them. */
    int indexOf(int boundary) {
        return boundaries.indexOf(boundary);
    }

    /** Whether both are sets of the same start. */
    boolean beginsAs(EpochSet other) {
        return candidates.equals(other.candidates) && kept.equals(other.kept);
    }

    /** This set without some boundaries; with none, it is decided that none is dropped. */
    EpochSet dropping(List<DroppedBoundary> more) {
        TreeMap<Integer, DroppedBoundary> all = new TreeMap<>();
        Stream.concat(dropped.orElse(List.of()).stream(), more.stream())
                .sorted(Comparator.comparingLong(DroppedBoundary::examples))
                .forEach(each -> all.putIfAbsent(each.boundary(), each));
        return new EpochSet(candidates, kept, Optional.of(List.copyOf(all.values())));
    }

    /** The boundaries that are in both of two sets of the same start. */
    EpochSet and(EpochSet other) {
        return other.dropped.map(this::dropping).orElse(this);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof EpochSet that && beginsAs(that) && dropped.equals(that.dropped);
    }

    @Override
    public int hashCode() {
        return Objects.hash(candidates, kept, dropped);
    }

    @Override
    public String toString() {
        return "EpochSet(" + boundaries + " of " + candidates + ")";
    }
}
