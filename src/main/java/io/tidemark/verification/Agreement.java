package io.tidemark.verification;

import java.util.Locale;
import java.util.OptionalDouble;

/**
 * The largest difference from the reference over all prompts, pairs and boundaries.
 *
 * @param logits        largest absolute error of a logit; empty if the reference has no logits
 * @param logLikelihood largest error of a completion's log-likelihood, nats per token
 * @param tokenizer     prompts and completions that encode to the expected tokens, and conversations that render to the
 *                      expected text
 * @param greedy        greedy continuations with the same tokens
 * @param boundaries    choices from the curve that are the same boundary
 * @param calibrator    what a calibrator with the default settings would decide on the pairs
 */
public record Agreement(
        OptionalDouble logits,
        double logLikelihood,
        Count tokenizer,
        Count greedy,
        Count boundaries,
        String calibrator) {

    /** How far logits may differ: more than the rounding error of float32 in a few dozen layers. */
    public static final double LOGIT_TOLERANCE = 2e-4;

    public static final double LIKELIHOOD_TOLERANCE = 1e-4;

    /** The number of comparisons and how many of them agreed. */
    public record Count(int agreed, int compared) {

        static Count of(Iterable<Boolean> outcomes) {
            int agreed = 0;
            int compared = 0;
            for (boolean outcome : outcomes) {
                agreed += outcome ? 1 : 0;
                compared++;
            }
            return new Count(agreed, compared);
        }

        boolean all() {
            return agreed == compared;
        }

        @Override
        public String toString() {
            return agreed + "/" + compared;
        }
    }

    /** Returns true if all differences are within their tolerances and greedy continuations were compared. */
    public boolean holds() {
        // The comparisons are written so that NaN fails them.
        boolean logitsHold = logits.isEmpty() || logits.getAsDouble() <= LOGIT_TOLERANCE;
        return logitsHold
                && logLikelihood <= LIKELIHOOD_TOLERANCE
                && tokenizer.all()
                && greedy.all()
                && greedy.compared() > 0
                && boundaries.all();
    }

    String line() {
        String logitError =
                logits.isEmpty() ? "not in the reference" : String.format(Locale.ROOT, "%.1e", logits.getAsDouble());
        return String.format(
                Locale.ROOT,
                "logits %s  greedy %s  log-likelihood %.1e  boundaries %s  tokens and chat %s%n  %s",
                logitError,
                greedy,
                logLikelihood,
                boundaries,
                tokenizer,
                calibrator);
    }
}
