package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * The readings of several examples together, each weighing the same, and the boundary that they suggest: the smallest
 * number of layers b after which LoRA stops adding, which is to say that at no later layer the gain (with LoRA minus
 * without) is above the gain at b by more than one standard error of the examples' paired differences.
 */
public final class ProbabilityCurve {

    private final List<Reading> readings;

    /** @throws IllegalArgumentException when there are fewer than two readings */
    public ProbabilityCurve(List<Reading> readings) {
        if (readings.size() < 2) {
            throw new IllegalArgumentException("a standard error needs two examples or more");
        }
        this.readings = List.copyOf(readings);
    }

    public int examples() {
        return readings.size();
    }

    public int numLayers() {
        return readings.get(0).with().size() - 1;
    }

    /** The mean after 0 .. L layers, LoRA in all of them. */
    public List<Double> with() {
        return IntStream.rangeClosed(0, numLayers())
                .mapToObj(l -> mean(reading -> reading.with().get(l)))
                .toList();
    }

    /** The same without LoRA in any layer. */
    public List<Double> without() {
        return IntStream.rangeClosed(0, numLayers())
                .mapToObj(l -> mean(reading -> reading.without().get(l)))
                .toList();
    }

    public Boundary suggested() {
        int suggested = numLayers();
        while (suggested > 0 && nothingIsAddedAfter(suggested - 1)) {
            suggested--;
        }
        return new Boundary(suggested);
    }

    private boolean nothingIsAddedAfter(int layer) {
        return IntStream.rangeClosed(layer + 1, numLayers()).allMatch(later -> {
            double added = mean(reading -> reading.gain(later) - reading.gain(layer));
            double squares = readings.stream()
                    .mapToDouble(reading -> Math.pow(reading.gain(later) - reading.gain(layer) - added, 2))
                    .sum();
            return added <= Math.sqrt(squares / (examples() - 1) / examples());
        });
    }

    private double mean(ToDoubleFunction<Reading> value) {
        return readings.stream().mapToDouble(value).average().orElseThrow();
    }
}
