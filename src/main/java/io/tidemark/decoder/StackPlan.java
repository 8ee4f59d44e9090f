package io.tidemark.decoder;

import io.tidemark.decoder.lora.LoraStack;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.script.DecoderLayouts.StackedLayerField;
import io.tidemark.torch.Value;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Which rows of a step multiply with the adapters of a {@link LoraStack}, and the numbers that describe them for {@code
 * lora_stack.torchscript}. In the products every adapter has as many rows as the one with the most.
 */
final class StackPlan {

    /** Fewer adapters need as few kernels without a stack. */
    private static final int MIN_ADAPTERS = 3;
    /** Up to this many absent rows may be computed, beside one for each row. */
    private static final int ABSENT_ROWS = 64;

    private static final StackPlan NONE = new StackPlan(Optional.empty(), Map.of());

    private final Optional<LoraStack> stack;
    private final Map<LoraWeights, Integer> places;

    private StackPlan(Optional<LoraStack> stack, Map<LoraWeights, Integer> places) {
        this.stack = stack;
        this.places = places;
    }

    /** A step without a stack. */
    static StackPlan none() {
        return NONE;
    }

    /** Takes places of the stack for the adapters of a batch, those with the fewest tokens first. */
    static StackPlan of(List<StepRow> batch, LoraStack stack) {
        Map<LoraWeights, Integer> tokens = new LinkedHashMap<>();
        batch.stream()
                .filter(StepRow::hasLora)
                .filter(row -> row.lora().orElseThrow().isPlain())
                .forEach(row ->
                        tokens.merge(row.lora().orElseThrow(), row.tokens().size(), Integer::sum));
        List<LoraWeights> smallest = tokens.keySet().stream()
                .sorted(Comparator.comparingInt(tokens::get))
                .toList();
        int count = 0;
        int sum = 0;
        for (int i = 0; i < smallest.size(); i++) {
            int width = tokens.get(smallest.get(i));
            sum += width;
            if ((i + 1) * width <= 2 * sum + ABSENT_ROWS) {
                count = i + 1;
            }
        }
        if (count < MIN_ADAPTERS) {
            return NONE;
        }
        Map<LoraWeights, Integer> places = stack.take(smallest.subList(0, count));
        return places.size() < MIN_ADAPTERS ? NONE : new StackPlan(Optional.of(stack), places);
    }

    boolean contains(StepRow row) {
        return row.hasLora() && places.containsKey(row.lora().orElseThrow());
    }

    /** The stack, if a row of the step uses it. */
    Optional<Value> tensors() {
        return stack.map(LoraStack::tensors);
    }

    /**
     * The numbers of a step.
     *
     * @param rows      the row of each row of the products {@code [places * width]}
     * @param positions the index in the products of each stacked row {@code [stacked rows]}
     * @param layers    a {@link StackedLayerField} list for each layer
     */
    record Numbers(long[] rows, long[] positions, List<long[]> layers) {}

    /**
     * The numbers of the rows that use the stack.
     *
     * @param rows   these rows: the first of the step, ordered by boundary, the largest first
     * @param layers number of layers
     */
    Numbers numbers(List<StepRow> rows, int layers) {
        List<StepRow> ofTokens = rows.stream()
                .flatMap(row -> row.tokens().stream().map(token -> row))
                .toList();
        int[] filled = new int
                [IntStream.concat(IntStream.of(0), places.values().stream().mapToInt(i -> i + 1))
                        .max()
                        .orElseThrow()];
        long[] place = ofTokens.stream().mapToLong(this::place).toArray();
        for (long each : place) {
            filled[(int) each]++;
        }
        int width = Arrays.stream(filled).max().orElse(0);
        long[] rowOf = new long[filled.length * width];
        long[] positions = new long[place.length];
        Arrays.fill(filled, 0);
        for (int token = 0; token < place.length; token++) {
            int at = (int) place[token] * width + filled[(int) place[token]]++;
            rowOf[at] = token;
            positions[token] = at;
        }
        return new Numbers(
                rowOf,
                positions,
                IntStream.range(0, layers)
                        .mapToObj(layer -> layer(ofTokens, place, layer))
                        .toList());
    }

    private static long[] layer(List<StepRow> ofTokens, long[] place, int layer) {
        int rows = (int) ofTokens.stream()
                .takeWhile(row -> row.effectiveBoundary().layers() > layer)
                .count();
        long[] numbers = new long[StackedLayerField.values().length];
        numbers[StackedLayerField.ROWS.ordinal()] = rows;
        numbers[StackedLayerField.PLACES.ordinal()] =
                Arrays.stream(place, 0, rows).max().orElse(-1) + 1;
        return numbers;
    }

    private long place(StepRow row) {
        return places.get(row.lora().orElseThrow());
    }
}
