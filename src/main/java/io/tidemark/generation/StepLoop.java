package io.tidemark.generation;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.sampling.SampledToken;
import io.tidemark.decoder.script.DecoderException;
import io.tidemark.generation.Scheduler.ScheduledRow;
import io.tidemark.generation.StepMasks.Advanced;
import io.tidemark.generation.layout.StepCost;
import io.tidemark.generation.layout.StepSize;
import io.tidemark.generation.layout.StepThreads;
import io.tidemark.generation.layout.StepThreads.LimitedStep;
import io.tidemark.generation.layout.StepThreads.TimedStep;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The hot path: schedules a step of one or several engine instances, runs all their rows together, and gives each
 * sequence its token. Used by one thread, which runs the turns of these instances.
 */
final class StepLoop {

    private static final System.Logger LOG = System.getLogger(StepLoop.class.getName());

    private final StepThreads threads;
    private final StepMasks masks;
    private final Consumer<List<String>> started;

    /** The rows of one instance in a step. */
    private record Part(StepResults instance, List<ScheduledRow> rows) {

        StepSize size() {
            int tokens = 0;
            boolean prompt = false;
            boolean adapters = false;
            for (ScheduledRow row : rows) {
                tokens += Math.max(1, row.promptTokens());
                prompt |= row.promptTokens() > 0;
                adapters |= row.sequence().usesAdapter();
            }
            return new StepSize(rows.size(), tokens, prompt, adapters);
        }

        /**
         * Ends sequences by their grammars. Leaves out the rows that wait for their masks; other prompts take their
         * place.
         */
        Part constrainedBy(Advanced masks) {
            List<ScheduledRow> ready = new ArrayList<>();
            int unusedPromptTokens = 0;
            for (ScheduledRow row : rows) {
                if (!row.sequence().needsMask(row.promptTokens())) {
                    ready.add(row);
                } else if (masks.waits(row.sequence())) {
                    instance.waitsForMask();
                    unusedPromptTokens += row.promptTokens();
                } else if (instance.goesOn(row.sequence(), masks.statuses().get(row.sequence()))) {
                    ready.add(row);
                }
            }
            if (unusedPromptTokens > 0) {
                Set<Sequence> scheduled =
                        rows.stream().map(ScheduledRow::sequence).collect(Collectors.toSet());
                ready.addAll(instance.scheduler().furtherPrompts(unusedPromptTokens, scheduled));
            }
            // a request that fails has removed its other choices
            return new Part(
                    instance,
                    ready.stream()
                            .filter(row -> instance.scheduler().isRunning(row.sequence()))
                            .toList());
        }
    }

    /**
     * A step that has run.
     *
     * @param sizes    the part of each instance
     * @param exceeded whether it is a joint step that has exceeded its limit
     * @param packing  whether its adapters are being packed, see {@link Decoder#expectsPackedGroups}
     */
    record Ran(List<StepSize> sizes, boolean exceeded, boolean packing) {}

    /** @param started told of each native step, and of the masks before it, with the ids of its requests */
    StepLoop(StepThreads threads, StepMasks masks, Consumer<List<String>> started) {
        this.threads = threads;
        this.masks = masks;
        this.started = started;
    }

    /**
     * Runs one step.
     *
     * @param instances  the instances whose rows it has
     * @param maxThreads the threads of their processors
     */
    Ran step(Decoder decoder, List<StepResults> instances, int maxThreads) {
        admit(instances);
        List<Part> scheduled = new ArrayList<>();
        for (StepResults instance : instances) {
            scheduled.add(new Part(instance, instance.scheduler().nextStep()));
        }
        List<Part> parts = constrain(scheduled);
        List<Part> running =
                parts.stream().filter(part -> !part.rows().isEmpty()).toList();
        List<StepSize> sizes = parts.stream().map(Part::size).toList();
        boolean exceeded = false;
        if (!running.isEmpty()) {
            running.forEach(part -> part.instance().stepStarts());
            try {
                exceeded = run(decoder, running, maxThreads);
            } catch (DecoderException e) {
                isolate(decoder, running, maxThreads, e);
            }
        }
        return new Ran(sizes, exceeded, decoder.expectsPackedGroups());
    }

    /**
     * Starts queued requests in several instances until none fits: the queue offers them to the instances in turn. A
     * single instance starts its own in {@link Scheduler#nextStep}.
     */
    static void admit(List<StepResults> instances) {
        boolean admitted = instances.size() > 1;
        while (admitted) {
            admitted = false;
            for (StepResults instance : instances) {
                admitted |= instance.scheduler().admit();
            }
        }
    }

    /**
     * Computes the tokens that may follow in rows with a grammar, and ends the sequences whose grammar is complete or
     * has failed, and those that have all their tokens.
     *
     * @return the rows of the other sequences, except those that wait for their masks
     */
    private List<Part> constrain(List<Part> parts) {
        List<Sequence> constrained = parts.stream()
                .flatMap(part -> part.rows().stream())
                .filter(row -> row.sequence().needsMask(row.promptTokens()))
                .map(ScheduledRow::sequence)
                .toList();
        if (constrained.isEmpty()) {
            return parts;
        }
        started.accept(ids(constrained));
        Advanced advanced = masks.advance(constrained);
        parts.get(0).instance().masksComputed(advanced.nanos());
        return parts.stream().map(part -> part.constrainedBy(advanced)).toList();
    }

    /** Returns whether it is a joint step that has exceeded its limit. */
    private boolean run(Decoder decoder, List<Part> parts, int maxThreads) {
        List<List<StepRow>> batches = parts.stream()
                .map(part -> part.rows().stream()
                        .map(row -> row.sequence().nextRow(row.promptTokens()))
                        .toList())
                .toList();
        List<StepRow> batch = batches.stream().flatMap(List::stream).toList();
        started.accept(ids(parts.stream()
                .flatMap(part -> part.rows().stream())
                .map(ScheduledRow::sequence)
                .toList()));
        boolean isJoint = parts.size() > 1;
        TimedStep<List<SampledToken>> step = timed(decoder, batch, maxThreads, isJoint);
        Iterator<SampledToken> sampled = step.result().iterator();
        for (int i = 0; i < parts.size(); i++) {
            parts.get(i).instance().take(parts.get(i).rows(), batches.get(i), sampled);
        }
        return isJoint && step.exceeded();
    }

    private TimedStep<List<SampledToken>> timed(Decoder decoder, List<StepRow> batch, int maxThreads, boolean isJoint) {
        LimitedStep<List<SampledToken>> call = (count, limit) -> {
            decoder.setThreads(count);
            return limit.isPresent() ? decoder.step(batch, limit.get()) : decoder.step(batch);
        };
        if (decoder.isNative()) {
            // its threads do not wait for a delayed one: no number of threads has to be found
            long start = System.nanoTime();
            return new TimedStep<>(call.run(maxThreads, Optional.empty()), System.nanoTime() - start, false);
        }
        return isJoint
                ? threads.runJoint(StepCost.of(batch), maxThreads, call)
                : threads.run(StepCost.of(batch), maxThreads, call);
    }

    private static List<String> ids(List<Sequence> sequences) {
        return sequences.stream()
                .map(sequence -> sequence.owner().request().id())
                .distinct()
                .toList();
    }

    /** Runs each row of a failed step alone, which is possible because the failed call has changed no sequence. */
    private void isolate(Decoder decoder, List<Part> parts, int maxThreads, DecoderException cause) {
        LOG.log(
                System.Logger.Level.WARNING,
                "a step of "
                        + parts.stream().mapToInt(part -> part.rows().size()).sum()
                        + " rows failed; its rows are run one by one",
                cause);
        for (Part part : parts) {
            for (ScheduledRow row : part.rows()) {
                if (part.instance().scheduler().isRunning(row.sequence())) {
                    try {
                        run(decoder, List.of(new Part(part.instance(), List.of(row))), maxThreads);
                    } catch (DecoderException e) {
                        String message = String.valueOf(e.getMessage());
                        part.instance()
                                .fail(
                                        row.sequence(),
                                        "the step failed: "
                                                + message.lines().findFirst().orElse(""));
                    }
                }
            }
        }
    }
}
