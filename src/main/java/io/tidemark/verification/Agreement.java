package io.tidemark.verification;

import java.util.Locale;
import java.util.OptionalDouble;

/**
 * How far the engine is from the reference, the worst case over all prompts, pairs and boundaries.
 *
 * @param logits        largest absolute error of a logit; empty when the reference has no logits
 * @param logLikelihood largest error of a completion's log-likelihood, nats per token
 * @param tokenizer     prompts, completions and conversations that became the expected tokens or text
 * @param greedy        greedy continuations that are the same, token for token
 * @param boundaries    objectives that chose the same boundary: quality, balanced, latency
 */
public record Agreement(OptionalDouble logits, double logLikelihood, Count tokenizer, Count greedy, Count boundaries) {

    /** Single precision through a few dozen layers stays well below this. */
    public static final double LOGIT_TOLERANCE = 2e-4;

    public static final double LIKELIHOOD_TOLERANCE = 1e-4;

    /** How many of how many agreed. */
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

    /** Whether all is within its tolerance, and something was compared. */
    public boolean holds() {
        // An error that is not a number is not within the tolerance either.
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
                "logits %s  greedy %s  log-likelihood %.1e  boundaries %s  tokens and chat %s",
                logitError,
                greedy,
                logLikelihood,
                boundaries,
                tokenizer);
    }
}
