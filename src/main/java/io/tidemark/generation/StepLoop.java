package io.tidemark.generation;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.sampling.SampledToken;
import io.tidemark.decoder.script.DecoderException;
import io.tidemark.generation.Scheduler.ScheduledRow;
import io.tidemark.generation.StepMasks.Advanced;
import io.tidemark.grammar.RowStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The hot path: schedules a step, runs all its rows together, and gives each sequence its token. Used by the thread of
 * the engine.
 */
final class StepLoop {

    private static final System.Logger LOG = System.getLogger(StepLoop.class.getName());

    private final Decoder decoder;
    private final Scheduler scheduler;
    private final StepResults results;
    private final StepMasks masks;
    private final Consumer<List<String>> started;

    /** @param started told of each native step, and of the masks before it, with the ids of its requests */
    StepLoop(Decoder decoder, StepResults results, StepMasks masks, Consumer<List<String>> started) {
        this.decoder = decoder;
        this.scheduler = results.scheduler();
        this.results = results;
        this.masks = masks;
        this.started = started;
    }

    /** Runs one step; returns the number of its rows. */
    int step() {
        List<ScheduledRow> rows = constrain(scheduler.nextStep());
        if (!rows.isEmpty()) {
            results.stepStarts();
            try {
                run(rows);
            } catch (DecoderException e) {
                isolate(rows, e);
            }
        }
        return rows.size();
    }

    /**
     * Computes the tokens that may follow in rows with a grammar, and ends the sequences whose grammar is complete or
     * has failed, and those that have all their tokens.
     *
     * @return the rows of the other sequences, except those that wait for their masks; other prompts take their place
     */
    private List<ScheduledRow> constrain(List<ScheduledRow> rows) {
        List<Sequence> constrained = rows.stream()
                .filter(row -> row.sequence().needsMask(row.promptTokens()))
                .map(ScheduledRow::sequence)
                .toList();
        if (constrained.isEmpty()) {
            return rows;
        }
        started.accept(ids(constrained));
        Advanced advanced = masks.advance(constrained);
        results.masksComputed(advanced.nanos());
        List<ScheduledRow> ready = new ArrayList<>();
        int unusedPromptTokens = 0;
        for (ScheduledRow row : rows) {
            Sequence sequence = row.sequence();
            RowStatus status = advanced.statuses().get(sequence);
            if (!sequence.needsMask(row.promptTokens())) {
                ready.add(row);
            } else if (advanced.waits(sequence)) {
                results.waitsForMask();
                unusedPromptTokens += row.promptTokens();
            } else if (status instanceof RowStatus.Ok && !sequence.hasAllTokens()) {
                ready.add(row);
            } else {
                results.endByGrammar(sequence, status);
            }
        }
        if (unusedPromptTokens > 0) {
            Set<Sequence> scheduled = rows.stream().map(ScheduledRow::sequence).collect(Collectors.toSet());
            ready.addAll(scheduler.furtherPrompts(unusedPromptTokens, scheduled));
        }
        // a request that fails has removed its other choices
        return ready.stream().filter(row -> scheduler.isRunning(row.sequence())).toList();
    }

    private void run(List<ScheduledRow> rows) {
        List<StepRow> batch = rows.stream()
                .map(row -> row.sequence().nextRow(row.promptTokens()))
                .toList();
        started.accept(ids(rows.stream().map(ScheduledRow::sequence).toList()));
        List<SampledToken> sampled = decoder.step(batch);
        results.take(rows, batch, sampled);
    }

    private static List<String> ids(List<Sequence> sequences) {
        return sequences.stream()
                .map(sequence -> sequence.owner().request().id())
                .distinct()
                .toList();
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
                    results.fail(
                            row.sequence(),
                            "the step failed: " + message.lines().findFirst().orElse(""));
                }
            }
        }
    }
}
