package io.tidemark.benchmark.calibration;

import io.tidemark.calibration.rule.HarmTest;
import java.util.SplittableRandom;

/** A distribution of examples: the differences between the scores at some boundaries and at full LoRA. */
public interface Traffic {

    /**
     * Draws a batch.
     *
     * @return differences in nats per gold token {@code [examples][boundaries below L]}
     */
    double[][] batch(int examples, SplittableRandom random);

    /** The mean difference at each boundary below L. */
    double[] means();

    /** The mean difference at each boundary below L after the caps of a test, from which the test defines harm. */
    double[] cappedMeans(HarmTest test);
}
