package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.sweep.ExampleBatch;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.decoder.ForcedPass;
import io.tidemark.decoder.HiddenStates;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.TeacherForcedBatch;
import io.tidemark.decoder.TeacherForcing;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * The probability of gold tokens after every layer, with LoRA and without. The model's final norm and head are applied
 * to the output of each layer (the "logit lens", nostalgebraist 2020).
 *
 * <p>The suggested boundary is the smallest number of layers b after which LoRA adds nothing: at no later layer is the
 * gain (with LoRA minus without) greater than the gain at b by more than one standard error of the examples' paired
 * differences. All examples have the same weight.
 */
public final class ProbabilityCurve {

    private final List<Reading> readings;

    /** The value that is averaged over the gold tokens of an example. */
    public enum Measure {

        /** The probability, 0 to 1. */
        PROBABILITY("mean probability"),
        /** The logarithm of the probability in nats, 0 or less, as in the boundary sweep. */
        LOG_PROBABILITY("mean log-probability (nats)");

        private final String axis;

        Measure(String axis) {
            this.axis = axis;
        }

        /** The label of a plot's axis. */
        public String axis() {
            return axis;
        }

        private double of(double logprob) {
            return this == PROBABILITY ? Math.exp(logprob) : logprob;
        }
    }

    /**
     * The mean measure of one example's gold tokens after every layer. Index l is the state after l layers: 0 is the
     * embeddings, L the output of the model.
     *
     * @param with    LoRA in all layers
     * @param without LoRA in no layer
     */
    record Reading(List<Double> with, List<Double> without) {

        Reading {
            with = List.copyOf(with);
            without = List.copyOf(without);
            if (with.size() != without.size() || with.size() < 2) {
                throw new IllegalArgumentException("both lists need a value for the embeddings and for every layer");
            }
        }

        double gain(int l) {
            return with.get(l) - without.get(l);
        }
    }

    /** @throws IllegalArgumentException when there are fewer than two readings */
    ProbabilityCurve(List<Reading> readings) {
        if (readings.size() < 2) {
            throw new IllegalArgumentException("a standard error needs two examples or more");
        }
        this.readings = List.copyOf(readings);
    }

    /**
     * Measures examples with teacher forcing. Adapter weights outside the layers take part in both readings.
     *
     * @param progress receives the number of examples that are done, on the calling thread
     * @throws IllegalArgumentException when there are fewer than two examples
     */
    public static ProbabilityCurve measure(
            LanguageModel model,
            LoraWeights lora,
            Measure measure,
            List<TokenizedExample> examples,
            IntConsumer progress) {
        return new ProbabilityCurve(readings(model, lora, measure, examples, progress));
    }

    /** Returns one reading per example, in their order. */
    static List<Reading> readings(
            LanguageModel model,
            LoraWeights lora,
            Measure measure,
            List<TokenizedExample> examples,
            IntConsumer progress) {
        TeacherForcing decoder = model.decoder().teacherForcing(lora);
        List<Reading> readings = new ArrayList<>(Collections.nCopies(examples.size(), null));
        int done = 0;
        for (ExampleBatch batch : ExampleBatch.of(examples, TeacherForcing.ROWS_PER_CALL)) {
            double[][] with = means(decoder, measure, batch.forced(), true);
            double[][] without = means(decoder, measure, batch.forced(), false);
            for (int i = 0; i < batch.indices().size(); i++) {
                readings.set(batch.indices().get(i), new Reading(column(with, i), column(without, i)));
            }
            done += batch.indices().size();
            progress.accept(done);
        }
        return readings;
    }

    /** Returns the mean measure {@code [L + 1][sequences]}. */
    private static double[][] means(
            TeacherForcing decoder, Measure measure, TeacherForcedBatch batch, boolean withLora) {
        double[][] means = new double[decoder.numLayers() + 1][];
        try (ForcedPass pass = decoder.pass(batch, 1);
                HiddenStates states = pass.embed()) {
            for (int layers = 0; layers < means.length; layers++) {
                if (layers > 0) {
                    pass.layers(states, layers - 1, layers, withLora);
                }
                means[layers] = mean(measure, batch, pass.goldLogprobs(states, 0, batch.goldTokens())[0]);
            }
        }
        return means;
    }

    private static double[] mean(Measure measure, TeacherForcedBatch batch, double[] logprobs) {
        return GoldLikelihood.meanBySequence(
                batch, Arrays.stream(logprobs).map(measure::of).toArray());
    }

    private static List<Double> column(double[][] rows, int column) {
        return Arrays.stream(rows).map(row -> row[column]).toList();
    }

    public int examples() {
        return readings.size();
    }

    public int numLayers() {
        return readings.get(0).with().size() - 1;
    }

    /** The mean after 0 .. L layers, with LoRA in all of them. */
    public List<Double> with() {
        return IntStream.rangeClosed(0, numLayers())
                .mapToObj(l -> mean(reading -> reading.with().get(l)))
                .toList();
    }

    /** The mean after 0 .. L layers, without LoRA. */
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
