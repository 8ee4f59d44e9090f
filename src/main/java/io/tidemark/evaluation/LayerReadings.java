package io.tidemark.evaluation;

import io.tidemark.calibration.ExampleBatch;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.decoder.ForcedBatch;
import io.tidemark.decoder.ForcedDecoder;
import io.tidemark.decoder.ForcedStates;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.IntConsumer;

/** Reads what the gold tokens are worth off every layer, teacher-forced, with an adapter's LoRA and without. */
public final class LayerReadings {

    private final ForcedDecoder decoder;
    private final GoldPass head;
    private final Measure measure;

    /**
     * What the adapter has outside the layers takes part in both readings.
     *
     * @param measure of each gold token, before the mean over them
     */
    public LayerReadings(LanguageModel model, LoraWeights lora, Measure measure) {
        this.measure = measure;
        this.decoder = model.decoder().forced(lora);
        this.head = new GoldPass(decoder);
    }

    /**
     * One reading an example, in their order.
     *
     * @param progress hears how many examples are done
     */
    public List<Reading> of(List<TokenizedExample> examples, IntConsumer progress) {
        List<Reading> readings = new ArrayList<>(Collections.nCopies(examples.size(), null));
        int done = 0;
        for (ExampleBatch batch : ExampleBatch.of(examples, SweepLimits.DEFAULT.tokensPerBatch())) {
            double[][] with = means(batch.forced(), true);
            double[][] without = means(batch.forced(), false);
            for (int i = 0; i < batch.places().size(); i++) {
                readings.set(batch.places().get(i), new Reading(column(with, i), column(without, i)));
            }
            done += batch.places().size();
            progress.accept(done);
        }
        return readings;
    }

    /** The measure's mean {@code [L + 1][sequences]}. */
    private double[][] means(ForcedBatch batch, boolean withLora) {
        double[][] means = new double[decoder.numLayers() + 1][];
        ForcedStates states = decoder.embed(batch);
        try {
            means[0] = read(batch, states);
            for (int layer = 0; layer < decoder.numLayers(); layer++) {
                try (ForcedStates before = states) {
                    states = decoder.layer(batch, before, layer, withLora);
                }
                means[layer + 1] = read(batch, states);
            }
        } finally {
            states.close();
        }
        return means;
    }

    private double[] read(ForcedBatch batch, ForcedStates states) {
        return GoldPass.meanBySequence(
                batch, Arrays.stream(head.read(batch, states)).map(measure::of).toArray());
    }

    private static List<Double> column(double[][] rows, int column) {
        return Arrays.stream(rows).map(row -> row[column]).toList();
    }
}
