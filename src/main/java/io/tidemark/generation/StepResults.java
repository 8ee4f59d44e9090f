package io.tidemark.generation;

import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.sampling.SampledToken;
import io.tidemark.generation.Scheduler.ScheduledRow;
import io.tidemark.grammar.RowStatus;
import io.tidemark.text.LogText;
import java.util.ArrayList;
import java.util.List;

/** Gives the sequences the tokens of their steps, and counts them. Used by the thread of the engine. */
final class StepResults {

    private static final System.Logger LOG = System.getLogger(StepResults.class.getName());

    private final Scheduler scheduler;
    private long steps;
    private long promptTokens;
    private long generatedTokens;
    private long maskedSteps;
    private long maskNanos;
    private long maskWaits;
    private long grammarFailures;

    StepResults(Scheduler scheduler) {
        this.scheduler = scheduler;
    }

    Scheduler scheduler() {
        return scheduler;
    }

    /** @param prefixBytes bytes of cached prefixes */
    EngineStats.Steps stats(long prefixBytes) {
        return new EngineStats.Steps(
                steps,
                promptTokens,
                generatedTokens,
                scheduler.reusedPromptTokens(),
                prefixBytes,
                new EngineStats.Masks(maskedSteps, maskNanos, maskWaits, grammarFailures));
    }

    /** Counts a step with rows. */
    void stepStarts() {
        steps++;
    }

    /**
     * Advances the sequences whose rows a step has computed.
     *
     * @param batch   the rows as the step has run them
     * @param sampled the tokens of the rows that were sampled
     */
    void take(List<ScheduledRow> rows, List<StepRow> batch, List<SampledToken> sampled) {
        List<Sequence> sampling = new ArrayList<>();
        for (int i = 0; i < batch.size(); i++) {
            Sequence sequence = rows.get(i).sequence();
            sequence.advance(batch.get(i).tokens().size());
            if (rows.get(i).promptTokens() > 0) {
                promptTokens += batch.get(i).tokens().size();
                scheduler.promptAdvanced(sequence);
            }
            if (batch.get(i).sampling().isPresent()) {
                sampling.add(sequence);
            }
        }
        for (int i = 0; i < sampling.size(); i++) {
            if (scheduler.isRunning(sampling.get(i))) {
                accept(sampling.get(i), sampled.get(i));
            }
        }
    }

    /**
     * Ends a sequence without a further token. The keys and values of an unfinished prompt have not been checked for
     * finiteness, so its slot is cleared. If its text can't be decoded, its request fails with all its choices.
     */
    void end(Sequence sequence, FinishReason reason) {
        try {
            sequence.owner().text(sequence.choice(), sequence.finish(reason));
        } catch (RuntimeException e) {
            failToDecode(sequence, e);
            return;
        }
        remove(sequence, sequence.isPrefilling());
    }

    /** Counts the masks of a step and their time. */
    void masksComputed(long nanos) {
        maskedSteps++;
        maskNanos += nanos;
    }

    /** Counts a sequence that has no row in a step because it waits for its mask. */
    void waitsForMask() {
        maskWaits++;
    }

    /**
     * Ends a sequence whose grammar is complete, or which has all its tokens, and fails the request of one whose
     * grammar has failed. They have no row in the step. Has no effect for a sequence that has ended.
     */
    void endByGrammar(Sequence sequence, RowStatus status) {
        if (!scheduler.isRunning(sequence)) {
            // its request has failed with another choice
            return;
        }
        if (status instanceof RowStatus.Ended) {
            end(sequence, FinishReason.STOP);
        } else if (sequence.hasAllTokens()) {
            end(sequence, FinishReason.LENGTH);
        } else if (status instanceof RowStatus.Failed failed) {
            grammarFailures++;
            LOG.log(
                    System.Logger.Level.WARNING,
                    "the grammar of request '"
                            + LogText.of(sequence.owner().request().id()) + "' failed: "
                            + LogText.of(failed.message()));
            fail(sequence, "grammar_failed", "the grammar of the format failed: " + failed.message());
        }
    }

    /** Fails the request of a sequence with all its choices. */
    void fail(Sequence failed, String message) {
        fail(failed, "engine_error", message);
    }

    private void fail(Sequence failed, String code, String message) {
        SubmittedRequest request = failed.owner();
        scheduler.sequences(request::equals).forEach(sequence -> scheduler.remove(sequence, true));
        scheduler.end(List.of(request), each -> each.fail(code, message));
    }

    private void accept(Sequence sequence, SampledToken token) {
        if (!token.finite()) {
            fail(sequence, "the logits of a step were not finite");
            return;
        }
        if (!sequence.hasGenerated()) {
            scheduler.promptDone(sequence);
        }
        generatedTokens++;
        sequence.owner().tokenGenerated();
        try {
            sequence.owner().text(sequence.choice(), sequence.accept(token));
        } catch (RuntimeException e) {
            failToDecode(sequence, e);
            return;
        }
        if (sequence.finished().isPresent()) {
            remove(sequence, false);
        }
    }

    private void failToDecode(Sequence sequence, RuntimeException reason) {
        LOG.log(
                System.Logger.Level.ERROR,
                "a token of request '" + LogText.of(sequence.owner().request().id()) + "' could not be decoded",
                reason);
        fail(sequence, "a token could not be decoded to text");
    }

    /** Removes a sequence that has finished, then tells its request. */
    private void remove(Sequence sequence, boolean invalid) {
        scheduler.remove(sequence, invalid);
        scheduler.end(List.of(sequence.owner()), owner -> owner.choiceFinished(sequence.result()));
    }
}
