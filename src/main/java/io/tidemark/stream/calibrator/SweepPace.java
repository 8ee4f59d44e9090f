package io.tidemark.stream.calibrator;

import io.tidemark.calibration.ExampleScore;
import io.tidemark.calibration.SweepRun;
import java.util.List;
import java.util.function.DoublePredicate;

/** Who gives a sweep its time: the calibrator's own thread, or an engine between its steps. */
public interface SweepPace {

    /**
     * Runs a sweep to its end and frees it; when this returns nobody works with the sweep's adapter any more.
     *
     * @param goOn asked now and then on the caller's thread, with the progress; false ends the sweep
     * @throws SweepAbandoned when it was ended
     */
    List<ExampleScore> run(SweepRun sweep, DoublePredicate goOn) throws SweepAbandoned;
}
