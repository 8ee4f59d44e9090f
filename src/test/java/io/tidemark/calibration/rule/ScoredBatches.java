package io.tidemark.calibration.rule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Batches with given differences to full LoRA. No two examples have the same bits. */
final class ScoredBatches {

    private static final SplittableRandom BITS = new SplittableRandom(7);

    private ScoredBatches() {}

    /**
     * A batch of examples with the same differences.
     *
     * @param differences at the boundaries 0 to L-1
     */
    static ScoredBatch constant(int examples, double... differences) {
        double[][] rows = new double[examples][];
        Arrays.fill(rows, differences);
        return of(rows);
    }

    /** @param differences {@code [examples][boundaries 0 to L-1]} */
    static ScoredBatch of(double[][] differences) {
        return of(IntStream.rangeClosed(0, differences[0].length).boxed().toList(), differences);
    }

    /**
     * @param boundaries  the last one is L
     * @param differences {@code [examples][boundaries below L]}
     */
    static ScoredBatch of(List<Integer> boundaries, double[][] differences) {
        List<ScoredBatch.ScoredExample> examples = new ArrayList<>();
        for (double[] row : differences) {
            double[] scores = new double[row.length + 1];
            Arrays.setAll(scores, b -> b < row.length ? -1 + row[b] : -1.0);
            examples.add(new ScoredBatch.ScoredExample(
                    ExampleFilter.Bits.of(BITS.nextLong()), Optional.empty(), BoundaryScores.of(boundaries, scores)));
        }
        return new ScoredBatch(examples, 0);
    }
}
