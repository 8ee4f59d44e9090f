package io.tidemark.stream.calibrator;

import io.tidemark.calibration.ExampleScore;
import io.tidemark.calibration.SweepRun;
import java.util.List;
import java.util.function.DoublePredicate;

/** In a process that only calibrates, the sweep has all processors. */
public final class OwnThreadPace implements SweepPace {

    @Override
    public List<ExampleScore> run(SweepRun sweep, DoublePredicate goOn) throws SweepAbandoned {
        try (sweep) {
            if (!sweep.run(goOn)) {
                throw new SweepAbandoned();
            }
            return sweep.scores();
        }
    }
}
