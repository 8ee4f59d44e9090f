package io.tidemark.generation;

import io.tidemark.generation.RecentTurns.Gains;
import java.util.OptionalDouble;

/**
 * How much faster a wide width is than a narrow one, in the mean of recent trials. A trial may have compared only turns
 * with prompt tokens, or only others, so each kind has a mean of its own.
 */
final class TrialGains {

    /** The weight of a trial in a mean is one divided by this. */
    static final int MEAN_OF_TRIALS = 2;

    private final Mean prompts = new Mean();
    private final Mean others = new Mean();

    private static final class Mean {
        private double gain;
        private int trials;

        /** A trial that differs far from the earlier ones begins another mean. */
        private void add(double trial) {
            if (Math.abs(trial - gain) > Math.log(MeasuredWidth.FAR_SLOWER)) {
                trials = 0;
            }
            trials = Math.min(trials + 1, MEAN_OF_TRIALS);
            gain += (trial - gain) / trials;
        }

        private OptionalDouble known() {
            return trials == 0 ? OptionalDouble.empty() : OptionalDouble.of(gain);
        }
    }

    void add(Gains trial) {
        trial.prompts().ifPresent(prompts::add);
        trial.others().ifPresent(others::add);
    }

    /** The gains of a trial; of a kind that it has not compared, the mean of earlier ones. */
    Gains complete(Gains trial) {
        return new Gains(
                trial.prompts().isPresent() ? trial.prompts() : prompts.known(),
                trial.others().isPresent() ? trial.others() : others.known());
    }

    /** The number of trials in the mean of the kind that this trial has compared, at most {@code MEAN_OF_TRIALS}. */
    int trials(Gains trial) {
        return kind(trial).trials;
    }

    /** The next trial begins another mean of the kind that this trial has compared. */
    void restart(Gains trial) {
        kind(trial).trials = 0;
    }

    private Mean kind(Gains trial) {
        return trial.others().isPresent() ? others : prompts;
    }
}
