package io.tidemark.generation;

import io.tidemark.decoder.sampling.TokenMasks;
import io.tidemark.grammar.GrammarState;
import io.tidemark.grammar.RowStatus;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;

/**
 * Computes which tokens may follow in the rows of a step that have a grammar, within a budget of time: slow grammars
 * must not delay the other rows of the step. Only a prompt that waits for a common prefix also waits for the mask of
 * the row that computes it. The masks are valid until the next call, and also if the step is repeated row by row. Used
 * by one thread, which runs the steps.
 *
 * <p>The order of the rows is: one that has waited longest; those whose masks have taken at most their equal share of
 * the budget lately, which fit together; those without a mask so far; the others. Of the same kind, those that have
 * waited longer come first. A row starts while the budget is not spent, and the rows after it wait for a later step. So
 * all masks of a step take at most the budget and one mask more, each step computes one mask at least, and no row waits
 * for ever.
 *
 * <p>The budget is wall-clock time, because all of it delays the step. The kind of a row follows from the processor
 * time of its masks: a delay by other threads does not make a row expensive.
 */
final class StepMasks {

    private static final System.Logger LOG = System.getLogger(StepMasks.class.getName());

    private static final Comparator<Sequence> LONGEST_WAIT =
            Comparator.comparingInt(Sequence::waitedSteps).reversed();

    // the kinds of rows, in the order in which their masks are computed
    private static final int FIRST = 0;
    private static final int CHEAP = 1;
    private static final int NEW = 2;
    private static final int EXPENSIVE = 3;

    private final int vocabulary;
    private final long budget;
    private final Clocks clocks;
    /** Masks for as many rows as any step has needed, at most one for each sequence of the engine. */
    private Optional<TokenMasks> buffer = Optional.empty();

    /**
     * Both in nanoseconds, from any start.
     *
     * @param time      that passes
     * @param processor time that the calling thread has run
     */
    record Clocks(LongSupplier time, LongSupplier processor) {

        /** Those of the system. Where a JVM has no processor time, waiting counts as computing. */
        static Clocks system() {
            ThreadMXBean threads = ManagementFactory.getThreadMXBean();
            boolean measured = threads.isCurrentThreadCpuTimeSupported() && threads.isThreadCpuTimeEnabled();
            return new Clocks(System::nanoTime, measured ? threads::getCurrentThreadCpuTime : System::nanoTime);
        }
    }

    /** @param budget time for the masks of a step */
    StepMasks(int vocabulary, Duration budget, Clocks clocks) {
        this.vocabulary = vocabulary;
        this.budget = budget.toNanos();
        this.clocks = clocks;
    }

    /**
     * The masks of a step.
     *
     * @param statuses the statuses of the sequences whose grammar has advanced; the others wait
     * @param nanos    how long this delays the step
     */
    record Advanced(Map<Sequence, RowStatus> statuses, long nanos) {

        boolean waits(Sequence sequence) {
            return !statuses.containsKey(sequence);
        }
    }

    /**
     * Advances the grammars by the last tokens of the sequences, and gives each sequence that can go on its mask. A
     * sequence that waits is given again in the next step; the others when they have their next token.
     *
     * @param sequences the sequences with a grammar, at least one
     */
    Advanced advance(List<Sequence> sequences) {
        TokenMasks masks = masks(sequences.size());
        Map<Sequence, RowStatus> statuses = new IdentityHashMap<>();
        long start = clocks.time().getAsLong();
        long computed = clocks.processor().getAsLong();
        long now = start;
        for (Sequence sequence : inOrder(sequences)) {
            if (!statuses.isEmpty() && now - start >= budget) {
                sequence.waitForMask();
                continue;
            }
            statuses.put(sequence, advance(sequence, masks, statuses.size()));
            long before = computed;
            computed = clocks.processor().getAsLong();
            sequence.maskTook(computed - before);
            now = clocks.time().getAsLong();
        }
        return new Advanced(statuses, now - start);
    }

    private List<Sequence> inOrder(List<Sequence> sequences) {
        long share = budget / sequences.size();
        List<Sequence> order = new ArrayList<>(sequences);
        order.sort(LONGEST_WAIT);
        Sequence first = order.get(0);
        // keeps the order of equal ones
        order.sort(
                Comparator.comparingInt(each -> each == first && first.waitedSteps() > 0 ? FIRST : kind(each, share)));
        return order;
    }

    private static int kind(Sequence sequence, long share) {
        OptionalLong nanos = sequence.maskNanos();
        return nanos.isEmpty() ? NEW : nanos.getAsLong() <= share ? CHEAP : EXPENSIVE;
    }

    private RowStatus advance(Sequence sequence, TokenMasks masks, int row) {
        GrammarState state;
        try {
            state = sequence.grammarState();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "a grammar could not be started", e);
            return new RowStatus.Failed("it could not be started");
        }
        try {
            return allow(sequence, state.advance(sequence.lastToken(), masks.row(row)), masks.mask(row));
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "a grammar could not be advanced", e);
            return new RowStatus.Failed("it could not be advanced");
        }
    }

    /** @param mask written if the status is OK */
    private static RowStatus allow(Sequence sequence, RowStatus status, TokenMasks.Mask mask) {
        if (!(status instanceof RowStatus.Ok)) {
            return status;
        }
        if (mask.isEmpty()) {
            return new RowStatus.Failed("no token may follow");
        }
        sequence.allow(mask);
        return status;
    }

    private TokenMasks masks(int rows) {
        TokenMasks masks = buffer.filter(open -> open.rows() >= rows).orElseGet(() -> new TokenMasks(rows, vocabulary));
        buffer = Optional.of(masks);
        return masks;
    }
}
