package io.tidemark.generation;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.DecoderException;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.sampling.SampledToken;
import io.tidemark.generation.Scheduler.Turn;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/** The hot path: plan a step, run it in one native call, give each row its token. Belongs to the instance's thread. */
final class StepLoop {

    private static final System.Logger LOG = System.getLogger(StepLoop.class.getName());

    private final Decoder decoder;
    private final Scheduler scheduler;
    private final StepWidth width;
    private long steps;
    private long tokens;

    StepLoop(Decoder decoder, Scheduler scheduler, StepWidth width) {
        this.decoder = decoder;
        this.scheduler = scheduler;
        this.width = width;
    }

    /** Runs one step. Returns false when no row has work. */
    boolean step() {
        List<Turn> turns = scheduler.nextStep();
        if (turns.isEmpty()) {
            return false;
        }
        steps++;
        try {
            run(turns);
        } catch (DecoderException e) {
            isolate(turns, e);
        }
        return true;
    }

    long steps() {
        return steps;
    }

    long generatedTokens() {
        return tokens;
    }

    /** Ends a row for a reason from outside. What an unfinished prompt has left in the cache was never looked at. */
    void end(Row row, FinishReason reason) {
        row.owner().text(row.choice(), row.finish(reason));
        scheduler.remove(row, row.isPrefilling());
        row.owner().choiceFinished(row.result());
    }

    private void run(List<Turn> turns) {
        List<StepRow> batch =
                turns.stream().map(turn -> turn.row().next(turn.promptTokens())).toList();
        Iterator<SampledToken> choices = step(batch).iterator();
        List<Row> chosen = new ArrayList<>();
        for (int i = 0; i < batch.size(); i++) {
            Row row = turns.get(i).row();
            row.advance(batch.get(i).tokens().size());
            if (turns.get(i).promptTokens() > 0) {
                scheduler.promptAdvanced(row);
            }
            if (batch.get(i).sampling().isPresent()) {
                chosen.add(row);
            }
        }
        for (Row row : chosen) {
            SampledToken choice = choices.next();
            if (scheduler.isRunning(row)) {
                accept(row, choice);
            }
        }
    }

    private List<SampledToken> step(List<StepRow> batch) {
        int tokens = batch.stream().mapToInt(row -> row.tokens().size()).sum();
        return width.run(tokens, threads -> {
            decoder.setThreads(threads);
            return decoder.step(batch);
        });
    }

    private void accept(Row row, SampledToken choice) {
        if (!choice.finite()) {
            fail(row, "the logits of a step were not finite");
            return;
        }
        if (!row.hasGenerated()) {
            scheduler.promptDone(row);
        }
        tokens++;
        row.owner().tokenChosen();
        try {
            row.owner().text(row.choice(), row.accept(choice));
        } catch (RuntimeException e) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "a token of request '" + row.owner().request().id() + "' could not be taken",
                    e);
            fail(row, "a token could not be turned into text");
            return;
        }
        if (row.finished().isPresent()) {
            scheduler.remove(row, false);
            row.owner().choiceFinished(row.result());
        }
    }

    /** A failed native call has changed no row, so each can be tried alone; only those that fail again are at fault. */
    private void isolate(List<Turn> turns, DecoderException cause) {
        LOG.log(
                System.Logger.Level.WARNING,
                "a step of " + turns.size() + " rows failed; its rows are tried one by one",
                cause);
        for (Turn turn : turns) {
            if (scheduler.isRunning(turn.row())) {
                try {
                    run(List.of(turn));
                } catch (DecoderException e) {
                    fail(
                            turn.row(),
                            "the step failed: "
                                    + String.valueOf(e.getMessage())
                                            .lines()
                                            .findFirst()
                                            .orElse(""));
                }
            }
        }
    }

    /** One failed choice fails its request. */
    private void fail(Row failed, String message) {
        RunningRequest request = failed.owner();
        scheduler.rows(request::equals).forEach(row -> scheduler.remove(row, true));
        request.failed("engine_error", message);
    }
}
