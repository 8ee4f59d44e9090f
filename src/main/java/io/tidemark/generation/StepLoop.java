package io.tidemark.generation;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.sampling.SampledToken;
import io.tidemark.decoder.script.DecoderException;
import io.tidemark.generation.Scheduler.ScheduledRow;
import io.tidemark.text.LogText;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;

/**
 * The hot path: schedules a step, runs it in one native call, and gives each sequence its token. Used by the thread of
 * the instance only.
 */
final class StepLoop {

    private static final System.Logger LOG = System.getLogger(StepLoop.class.getName());

    private final Decoder decoder;
    private final Scheduler scheduler;
    private final StepThreads threads;
    private final Consumer<List<String>> started;
    private long steps;
    private long promptTokens;
    private long generatedTokens;

    /** @param started told of each native step, with the ids of its requests */
    StepLoop(Decoder decoder, Scheduler scheduler, StepThreads threads, Consumer<List<String>> started) {
        this.decoder = decoder;
        this.scheduler = scheduler;
        this.threads = threads;
        this.started = started;
    }

    /** Runs one step; returns false if there is nothing to run. */
    boolean step() {
        List<ScheduledRow> rows = scheduler.nextStep();
        if (rows.isEmpty()) {
            return false;
        }
        steps++;
        try {
            run(rows);
        } catch (DecoderException e) {
            isolate(rows, e);
        }
        return true;
    }

    long steps() {
        return steps;
    }

    /** Prompt tokens that were computed. */
    long promptTokens() {
        return promptTokens;
    }

    long generatedTokens() {
        return generatedTokens;
    }

    /**
     * Ends a sequence that was cancelled or has reached its deadline. The keys and values of an unfinished prompt have
     * not been checked for finiteness, so its slot is cleared.
     */
    void end(Sequence sequence, FinishReason reason) {
        sequence.owner().text(sequence.choice(), sequence.finish(reason));
        remove(sequence, sequence.isPrefilling());
    }

    /** Removes a sequence that has finished, then tells its request. */
    private void remove(Sequence sequence, boolean invalid) {
        scheduler.remove(sequence, invalid);
        scheduler.end(List.of(sequence.owner()), owner -> owner.choiceFinished(sequence.result()));
    }

    private void run(List<ScheduledRow> rows) {
        List<StepRow> batch = rows.stream()
                .map(row -> row.sequence().nextRow(row.promptTokens()))
                .toList();
        Iterator<SampledToken> sampled = step(rows, batch).iterator();
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
        for (Sequence sequence : sampling) {
            SampledToken token = sampled.next();
            if (scheduler.isRunning(sequence)) {
                accept(sequence, token);
            }
        }
    }

    private List<SampledToken> step(List<ScheduledRow> rows, List<StepRow> batch) {
        int batchTokens = batch.stream().mapToInt(row -> row.tokens().size()).sum();
        return threads.run(batchTokens, count -> {
            // not before: an instance that waits for the step of another one is not the cause of the wait
            started.accept(rows.stream()
                    .map(row -> row.sequence().owner().request().id())
                    .distinct()
                    .toList());
            decoder.setThreads(count);
            return decoder.step(batch);
        });
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
            LOG.log(
                    System.Logger.Level.ERROR,
                    "a token of request '"
                            + LogText.of(sequence.owner().request().id()) + "' could not be decoded",
                    e);
            fail(sequence, "a token could not be decoded to text");
            return;
        }
        if (sequence.finished().isPresent()) {
            remove(sequence, false);
        }
    }

    /** Runs each row of a failed step alone, which is possible because the failed call has changed no sequence. */
    private void isolate(List<ScheduledRow> rows, DecoderException cause) {
        LOG.log(
                System.Logger.Level.WARNING,
                "a step of " + rows.size() + " rows failed; its rows are run one by one",
                cause);
        for (ScheduledRow row : rows) {
            if (scheduler.isRunning(row.sequence())) {
                try {
                    run(List.of(row));
                } catch (DecoderException e) {
                    String message = String.valueOf(e.getMessage());
                    fail(
                            row.sequence(),
                            "the step failed: " + message.lines().findFirst().orElse(""));
                }
            }
        }
    }

    /** Fails the request of a sequence with all its choices. */
    private void fail(Sequence failed, String message) {
        SubmittedRequest request = failed.owner();
        scheduler.sequences(request::equals).forEach(sequence -> scheduler.remove(sequence, true));
        scheduler.end(List.of(request), each -> each.fail("engine_error", message));
    }
}
