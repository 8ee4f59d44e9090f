package io.tidemark.calibration.rule;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * Which boundaries are scored: a number of evenly spaced ones, or a list. Fewer candidates need fewer layer
 * evaluations, and fewer examples until one is certified. 0 and L are always candidates.
 *
 * @param count evenly spaced candidates, 2 or more; a number above L means all. Empty with a list
 * @param list  boundaries, which are ascending and distinct; empty with a number
 */
public record Candidates(OptionalInt count, List<Integer> list) {

    /** Models with at most this many layers are scored at all boundaries by default; others at this many. */
    private static final int DEFAULT_COUNT = 16;

    /** The largest number of candidates, which bounds the size of a state. */
    static final int MAX_COUNT = 33;

    /** @throws IllegalArgumentException if a value is out of range; the message names the setting */
    public Candidates {
        list = List.copyOf(new TreeSet<>(list));
        if (count.isPresent() && (count.getAsInt() < 2 || count.getAsInt() > MAX_COUNT)) {
            throw new IllegalArgumentException(
                    "candidates must be a number from 2 to " + MAX_COUNT + ": " + count.getAsInt());
        }
        if (!list.isEmpty() && list.get(0) < 0) {
            throw new IllegalArgumentException("candidates must not be negative: " + list);
        }
        if (count.isPresent() == !list.isEmpty()) {
            throw new IllegalArgumentException("candidates must be a number or a list of boundaries");
        }
    }

    /** This many evenly spaced boundaries. */
    public static Candidates evenly(int count) {
        return new Candidates(OptionalInt.of(count), List.of());
    }

    /** These boundaries, with 0 and L. */
    public static Candidates of(List<Integer> boundaries) {
        return new Candidates(OptionalInt.empty(), boundaries);
    }

    /**
     * Parses a number such as {@code 8}, or a list of two or more boundaries such as {@code 0,8,13}.
     *
     * @throws IllegalArgumentException if the text is neither
     */
    public static Candidates parse(String text) {
        List<Integer> numbers = new ArrayList<>();
        try {
            for (String number : text.split(",", -1)) {
                numbers.add(Integer.parseInt(number.strip()));
            }
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "candidates must be a number such as 8, or a list of boundaries such as 0,8,13, not '" + text + "'",
                    e);
        }
        return numbers.size() == 1 ? evenly(numbers.get(0)) : of(numbers);
    }

    /**
     * The candidates for a model, ascending, with 0 and L. A number N gives {@code round(i L / (N - 1))} for i from 0
     * to N - 1, halves up.
     *
     * @param configured empty for the default: all boundaries up to 16 layers, 16 boundaries above
     * @throws IllegalArgumentException if a listed boundary is above {@code numLayers}, or the list is too long
     */
    static List<Integer> of(Optional<Candidates> configured, int numLayers) {
        int byDefault = numLayers <= DEFAULT_COUNT ? numLayers + 1 : DEFAULT_COUNT;
        Candidates candidates = configured.orElseGet(() -> evenly(byDefault));
        TreeSet<Integer> boundaries = new TreeSet<>(candidates.list);
        if (!boundaries.isEmpty() && boundaries.last() > numLayers) {
            throw new IllegalArgumentException("candidates must be from 0 to " + numLayers
                    + ", the number of layers of the model: " + candidates.list);
        }
        candidates.count.ifPresent(count -> evenlySpaced(count, numLayers).forEach(boundaries::add));
        boundaries.addAll(List.of(0, numLayers));
        if (boundaries.size() > MAX_COUNT) {
            throw new IllegalArgumentException("candidates must be at most " + MAX_COUNT + " with 0 and " + numLayers
                    + ", not " + boundaries.size());
        }
        return List.copyOf(boundaries);
    }

    private static IntStream evenlySpaced(int count, int numLayers) {
        if (count > numLayers) {
            return IntStream.rangeClosed(0, numLayers);
        }
        int gaps = count - 1;
        return IntStream.range(0, count).map(i -> (2 * i * numLayers + gaps) / (2 * gaps));
    }

    /** The form that {@link #parse} reads. */
    public String written() {
        return count.isPresent()
                ? Integer.toString(count.getAsInt())
                : String.join(",", list.stream().map(String::valueOf).toList());
    }
}
