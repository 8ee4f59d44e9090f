package io.tidemark.stream.calibrator;

import io.tidemark.calibration.ExampleScore;
import io.tidemark.calibration.SweepRun;
import java.util.List;
import java.util.function.DoublePredicate;

/** In a process that only calibrates, the calibrator's thread does the work. */
public final class OwnThreadPace implements SweepPace {

    @Override
    public List<ExampleScore> run(SweepRun sweep, DoublePredicate goOn) throws SweepAbandoned {
        try (sweep) {
            while (sweep.runSlice()) {
                if (!goOn.test(sweep.progress())) {
                    throw new SweepAbandoned();
                }
            }
            return sweep.scores();
        }
    }
}
