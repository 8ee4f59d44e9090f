package io.tidemark.calibration.rule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The examples of a batch, with the scores that are known so far.
 *
 * @param examples in the order of the batch, repeats included
 * @param refused  examples of the batch that cannot be scored, and are not among {@code examples}
 */
public record ScoredBatch(List<ScoredExample> examples, int refused) {

    /**
     * One example.
     *
     * @param bits   identify the example in an {@link ExampleFilter}
     * @param group  the group that the example belongs to; empty if the example counts by itself
     * @param scores its scores at some boundaries, or {@link BoundaryScores#NONE}
     */
    public record ScoredExample(ExampleFilter.Bits bits, Optional<String> group, BoundaryScores scores) {}

    public ScoredBatch {
        examples = List.copyOf(examples);
        if (refused < 0) {
            throw new IllegalArgumentException("refused must not be negative: " + refused);
        }
    }

    /**
     * This batch with the scores of some examples.
     *
     * @param places the places of the examples
     * @param scores the scores of the example at each place
     */
    public ScoredBatch with(List<Integer> places, List<BoundaryScores> scores) {
        if (scores.size() != places.size()) {
            throw new IllegalArgumentException(scores.size() + " examples have scores, not " + places.size());
        }
        List<ScoredExample> next = new ArrayList<>(examples);
        for (int i = 0; i < places.size(); i++) {
            ScoredExample example = examples.get(places.get(i));
            next.set(places.get(i), new ScoredExample(example.bits(), example.group(), scores.get(i)));
        }
        return new ScoredBatch(next, refused);
    }

    /**
     * What adds one factor to the test martingales.
     *
     * @param bits   identify the unit's examples and its group
     * @param places the places of the unit's examples in the batch, one or more
     */
    record Unit(List<ExampleFilter.Bits> bits, List<Integer> places) {}

    /**
     * The units that an epoch has not counted.
     *
     * @param units          in the order of their first examples
     * @param repeats        examples that are left out
     * @param repeatedGroups groups that are left out
     */
    record FreshUnits(List<Unit> units, int repeats, int repeatedGroups) {}

    /** The units of this batch that no partition has counted in an epoch. */
    FreshUnits fresh(PartitionStates states, int epoch) {
        List<ExampleFilter> counted =
                states.at(epoch).stream().map(EpochState::filter).toList();
        Set<ExampleFilter.Bits> seen = new HashSet<>();
        Map<Object, Unit> units = new LinkedHashMap<>();
        Map<String, Boolean> repeatedGroups = new LinkedHashMap<>();
        int repeats = 0;
        for (int place = 0; place < examples.size(); place++) {
            ScoredExample example = examples.get(place);
            boolean isOfRepeatedGroup = example.group()
                    .map(name -> repeatedGroups.computeIfAbsent(
                            name, group -> isIn(counted, ExampleFilter.Bits.ofGroup(group))))
                    .orElse(false);
            if (isOfRepeatedGroup || isIn(counted, example.bits()) || !seen.add(example.bits())) {
                repeats++;
                continue;
            }
            Unit unit = new Unit(
                    Stream.concat(Stream.of(example.bits()), example.group().map(ExampleFilter.Bits::ofGroup).stream())
                            .toList(),
                    List.of(place));
            units.merge(example.group().<Object>map(name -> name).orElse(place), unit, ScoredBatch::merged);
        }
        int skipped = (int) repeatedGroups.values().stream()
                .filter(isRepeated -> isRepeated)
                .count();
        return new FreshUnits(List.copyOf(units.values()), repeats, skipped);
    }

    /**
     * The scores of a unit.
     *
     * @param scores means over its examples, at the boundaries that were asked for
     * @param capped means of the capped differences to full LoRA, at those below L
     */
    record UnitScores(double[] scores, double[] capped) {}

    /**
     * The scores of a unit, without the examples whose score with full LoRA is not finite; empty if none is left.
     *
     * @param boundaries the boundaries, at which all examples are scored; the last one is L
     */
    Optional<UnitScores> scores(Unit unit, List<Integer> boundaries, HarmTest test) {
        int full = boundaries.size() - 1;
        double[] scores = new double[boundaries.size()];
        double[] capped = new double[full];
        int counted = 0;
        for (int place : unit.places()) {
            BoundaryScores example = examples.get(place).scores();
            if (example.isFinite(boundaries.get(full))) {
                double[] row = example.at(boundaries, test);
                counted++;
                for (int b = 0; b <= full; b++) {
                    scores[b] += row[b];
                }
                for (int b = 0; b < full; b++) {
                    capped[b] += test.capped(row[b] - row[full]);
                }
            }
        }
        int examplesOfUnit = counted;
        Arrays.setAll(scores, b -> scores[b] / examplesOfUnit);
        Arrays.setAll(capped, b -> capped[b] / examplesOfUnit);
        return counted == 0 ? Optional.empty() : Optional.of(new UnitScores(scores, capped));
    }

    /** The number of examples of some units whose score with full LoRA is not finite. */
    int refused(List<Unit> units, int numLayers) {
        return (int) units.stream()
                .flatMap(unit -> unit.places().stream())
                .filter(place -> !examples.get(place).scores().isFinite(numLayers))
                .count();
    }

    private static boolean isIn(List<ExampleFilter> filters, ExampleFilter.Bits entry) {
        for (ExampleFilter filter : filters) {
            if (filter.contains(entry)) {
                return true;
            }
        }
        return false;
    }

    private static Unit merged(Unit first, Unit second) {
        return new Unit(
                Stream.concat(first.bits.stream(), second.bits.stream()).toList(),
                Stream.concat(first.places.stream(), second.places.stream()).toList());
    }
}
