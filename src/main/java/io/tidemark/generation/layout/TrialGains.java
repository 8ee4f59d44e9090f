package io.tidemark.generation.layout;

import io.tidemark.generation.layout.RecentTurns.Comparison;
import io.tidemark.generation.layout.RecentTurns.Gains;
import java.util.OptionalDouble;

/**
 * How much faster a wide width is than a narrow one, in the mean of recent trials. A trial may have compared only turns
 * with prompt tokens, or only others, so each kind has a mean of its own. Trials within a minute may compare the same
 * turns with prompt tokens, also those of other numbers of rows.
 */
final class TrialGains {

    /** The weight of a trial in a mean is at least one divided by this. */
    static final int MEAN_OF_TRIALS = 4;
    /** The fewest turns with prompt tokens that count in the mean: a single one may have been delayed by the host. */
    private static final int PROMPT_TURNS = 4;

    private final Mean prompts = new Mean();
    private final Mean others = new Mean();

    private static final class Mean {
        private OptionalDouble gain = OptionalDouble.empty();
        private int trials;

        /** A trial that differs far from the earlier ones begins another mean. */
        private void add(double trial) {
            if (trials > 0 && Math.abs(trial - gain.getAsDouble()) > Math.log(WidthTrial.FAR_SLOWER)) {
                trials = 0;
            }
            trials = Math.min(trials + 1, MEAN_OF_TRIALS);
            double before = gain.orElse(trial);
            gain = OptionalDouble.of(before + (trial - before) / trials);
        }
    }

    void add(Comparison trial) {
        if (trial.others().size() >= RecentTurns.FEW_TURNS) {
            Comparison.gain(trial.others()).ifPresent(others::add);
        }
        if (trial.prompts().size() >= PROMPT_TURNS) {
            Comparison.gain(trial.prompts()).ifPresent(prompts::add);
        }
    }

    /** The means. */
    Gains means() {
        return new Gains(prompts.gain, others.gain);
    }

    /** The number of trials in the mean of the kind that decides: that of turns without prompts, if there are any. */
    int trials() {
        return others.gain.isPresent() ? others.trials : prompts.trials;
    }

    /** The durations of turns have changed: earlier trials count as one. */
    void durationsChange() {
        prompts.trials = Math.min(1, prompts.trials);
        others.trials = Math.min(1, others.trials);
    }

    /** The next trials begin other means. Until then the present ones are used. */
    void restart() {
        prompts.trials = 0;
        others.trials = 0;
    }
}
