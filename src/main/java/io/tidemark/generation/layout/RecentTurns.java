package io.tidemark.generation.layout;

import io.tidemark.generation.layout.GroupWidth.Turn;
import io.tidemark.generation.layout.TurnDurations.Change;
import io.tidemark.generation.layout.TurnDurations.Moment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Recent turns of groups by their width, and how much faster a wide width is than a narrow one. A turn of a wide group
 * is compared with what the narrow groups in it would need for the same steps, each measured at this size.
 *
 * <p>No clock and no threads.
 */
final class RecentTurns {

    /** Turns of a width that are compared, of those with prompt tokens and of the others. */
    private static final int COMPARED_TURNS = 32;
    /** The fewest turns that are compared. */
    static final int FEW_TURNS = 2;
    /**
     * A turn that takes this many times as long as its width did before is slow. Joint steps whose threads share a
     * processor with another process take ten times as long and more.
     */
    private static final double SLOW = 5;
    /**
     * The same for a turn without prompt tokens whose joint step has exceeded its limit and gone on with fewer threads.
     * Expected durations of turns with prompt tokens may be extrapolated, or measured a minute ago.
     */
    private static final double SLOW_IF_EXCEEDED = 1.6;
    /** This many slow turns are a collapse. Fewer may be delays by the host. */
    private static final int SLOW_TURNS = 3;

    /** A turn counts at most as this many times the usual duration: the host may stop the machine for a second. */
    private static final double MAX_RATIO = 3;
    /** {@link Delays} are a mean over about this many turns. */
    private static final int DELAY_TURNS = 1024;
    /** Expected delays count as this many turns, and so do those that were measured before a change. */
    private static final int EXPECTED_DELAY_TURNS = 32;

    private final int instances;
    private final Map<Integer, OfWidth> byWidth = new HashMap<>();

    private static final class OfWidth {
        /** For comparisons with another width. */
        private final TurnDurations durations = new TurnDurations();

        /**
         * With prompt tokens. They are kept while other widths run: where requests start together, a trial rarely has
         * some.
         */
        private final Deque<Turn> prompts = new ArrayDeque<>();

        private final Deque<Turn> others = new ArrayDeque<>();
        /** Turns since this width has begun, up to {@code COMPARED_TURNS}. */
        private int turns;
        /**
         * By group, for the detection of changes: kept while other widths run. Another process on one of the processors
         * slows only one group.
         */
        private final Map<InstanceGroup, TurnDurations> ofGroups = new HashMap<>();
        /** Slow turns of groups that have had no turn of usual duration since then. */
        private final List<Turn> slow = new ArrayList<>();
        /** By group, of turns without prompt tokens since this width has begun. */
        private final Map<InstanceGroup, TurnDurations> comparedOfGroups = new HashMap<>();
        /** Kept while other widths run. */
        private Delays delays = new Delays(1, 0);

        private void restart() {
            restartOthers();
            restartPrompts();
        }

        private void restartPrompts() {
            durations.clearPrompts();
            prompts.clear();
        }

        private void restartOthers() {
            durations.clearOthers();
            comparedOfGroups.clear();
            others.clear();
            slow.clear();
            turns = 0;
        }

        private void add(Turn turn, Moment now) {
            durations.add(turn.step(), turn.nanos(), now);
            if (!turn.step().prompt()) {
                TurnDurations ofGroup = comparedOfGroups.computeIfAbsent(turn.group(), group -> new TurnDurations());
                ofGroup.usual(turn.step(), now).ifPresent(usual -> delays = delays.plus(turn.nanos() / usual));
                ofGroup.add(turn.step(), turn.nanos(), now);
            }
            turns = Math.min(turns + 1, COMPARED_TURNS);
            Deque<Turn> same = turn.step().prompt() ? prompts : others;
            same.addLast(turn);
            if (same.size() > COMPARED_TURNS) {
                same.removeFirst();
            }
        }
    }

    /**
     * How far delays of single turns, which a median hides, raise the mean duration of turns without prompt tokens.
     *
     * @param meanRatio the mean of durations, each divided by the median of similar turns of the group shortly before
     * @param weight    of this mean, in turns; at most {@code DELAY_TURNS}
     */
    private record Delays(double meanRatio, int weight) {

        private Delays plus(double ratio) {
            int turns = Math.min(weight + 1, DELAY_TURNS);
            return new Delays(meanRatio + (Math.min(ratio, MAX_RATIO) - meanRatio) / turns, turns);
        }

        private Delays beforeChange() {
            return new Delays(meanRatio, Math.min(weight, EXPECTED_DELAY_TURNS));
        }
    }

    /**
     * The duration of a turn of a wide group, and the time that narrow groups need for it on average, in nanoseconds.
     */
    record Pair(double narrow, double wide) {}

    /** Compared turns: those with prompt tokens, and those without. */
    record Comparison(List<Pair> prompts, List<Pair> others) {

        /** Empty if there are too few turns in all. */
        Gains gains() {
            return prompts.size() + others.size() < FEW_TURNS ? Gains.NONE : new Gains(gain(prompts), gain(others));
        }

        /** From the middle half of the turns by gain, the middle one of three; empty if there are none. */
        static OptionalDouble gain(List<Pair> turns) {
            if (turns.isEmpty()) {
                return OptionalDouble.empty();
            }
            int left = (turns.size() + 1) / 4;
            List<Pair> middle = turns.stream()
                    .sorted(Comparator.comparingDouble(turn -> turn.narrow / turn.wide))
                    .toList()
                    .subList(left, turns.size() - left);
            double narrow = middle.stream().mapToDouble(Pair::narrow).sum();
            return OptionalDouble.of(
                    Math.log(narrow / middle.stream().mapToDouble(Pair::wide).sum()));
        }
    }

    /**
     * How much faster turns of a wide width are than turns of a narrow one, as the logarithm of the ratio of their
     * durations: above 0 if they are faster.
     *
     * @param prompts of turns with prompt tokens; empty if this is not known
     * @param others  of turns without; empty if this is not known
     */
    record Gains(OptionalDouble prompts, OptionalDouble others) {

        static final Gains NONE = new Gains(OptionalDouble.empty(), OptionalDouble.empty());

        /** These gains. A kind whose gain is not known has that of {@code other}. */
        Gains or(Gains other) {
            return new Gains(prompts.isPresent() ? prompts : other.prompts, others.isPresent() ? others : other.others);
        }

        /**
         * The gain of all turns. A kind whose gain is not known counts as the other.
         *
         * @param promptShare the part of the time that turns with prompt tokens take
         * @param isOfWide    whether this is the time of the wide width; otherwise that of the narrow one
         * @return empty if neither gain is known
         */
        OptionalDouble overall(double promptShare, boolean isOfWide) {
            if (prompts.isEmpty() || others.isEmpty()) {
                return prompts.isPresent() ? prompts : others;
            }
            int sign = isOfWide ? 1 : -1;
            double ofPrompts = promptShare * Math.exp(sign * prompts.getAsDouble());
            double ofOthers = (1 - promptShare) * Math.exp(sign * others.getAsDouble());
            return OptionalDouble.of(sign * Math.log(ofPrompts + ofOthers));
        }
    }

    RecentTurns(EngineLayout layout) {
        this.instances = layout.instances();
        layout.groupWidths().forEach(width -> byWidth.put(width, new OfWidth()));
    }

    /** No turn has ended for this time. Forgets what is too old to be compared; changes are still detected. */
    void pause(long nanos) {
        if (nanos >= TurnDurations.MAX_AGE_OF_PROMPTS_NANOS) {
            byWidth.values().forEach(OfWidth::restart);
        } else if (nanos >= TurnDurations.MAX_AGE_NANOS) {
            byWidth.values().forEach(OfWidth::restartOthers);
        }
    }

    /** Forgets the turns of one width that are compared and have no prompt tokens; changes are still detected. */
    void restartOthers(int width) {
        byWidth.get(width).restartOthers();
    }

    /**
     * Adds a turn with rows. Turns before a change are not compared any more, and the next change is one from the turns
     * after it: another process slows all groups and sizes of steps, each of which would notice it at its own time.
     *
     * @param compared whether the turn is compared with those of other widths if it shows no change
     */
    Change add(Turn turn, boolean compared, Moment now) {
        OfWidth width = byWidth.get(turn.width());
        OptionalDouble before = width.durations.expected(turn.step(), now);
        double slowRatio = turn.exceeded() && !turn.step().prompt() ? SLOW_IF_EXCEEDED : SLOW;
        if (before.isPresent() && turn.nanos() > slowRatio * before.getAsDouble()) {
            width.slow.add(turn);
        } else if (!turn.exceeded()) {
            width.slow.removeIf(slow -> slow.group().equals(turn.group()));
        }
        Change change = width.ofGroups
                .computeIfAbsent(turn.group(), group -> new TurnDurations())
                .add(turn.step(), turn.nanos(), now);
        if (width.slow.size() >= SLOW_TURNS) {
            List<Turn> slow = List.copyOf(width.slow);
            forgetBeforeChange(width);
            slow.forEach(each -> width.add(each, now));
            return Change.COLLAPSE;
        }
        if (change != Change.NONE) {
            forgetBeforeChange(width);
        }
        if (compared) {
            width.add(turn, now);
        }
        return change;
    }

    private void forgetBeforeChange(OfWidth changed) {
        changed.ofGroups.clear();
        changed.delays = changed.delays.beforeChange();
        changed.restart();
        byWidth.values().forEach(OfWidth::restartPrompts);
    }

    /** Whether this width has had more than {@code FEW_TURNS} turns since it has begun. */
    boolean isMeasured(int width) {
        return byWidth.get(width).turns > FEW_TURNS;
    }

    /**
     * How much longer turns of the wide width take because delays of single turns add more to them than to narrow ones,
     * as a logarithm; below 0 if they add less. Medians and middle halves hide such delays.
     *
     * @param expected this loss as it is expected; counts as {@code EXPECTED_DELAY_TURNS} measured turns of each width
     */
    double lossByDelays(int narrow, int wide, double expected) {
        Delays ofNarrow = byWidth.get(narrow).delays;
        Delays ofWide = byWidth.get(wide).delays;
        int weight = Math.min(ofNarrow.weight, ofWide.weight);
        double measured = Math.log(ofWide.meanRatio / ofNarrow.meanRatio);
        return (EXPECTED_DELAY_TURNS * expected + weight * measured) / (EXPECTED_DELAY_TURNS + weight);
    }

    /** Compares the recent turns of wide groups with what narrow groups would need for them, where this is known. */
    Comparison compare(int narrow, int wide, Moment now) {
        OfWidth ofWide = byWidth.get(wide);
        ofWide.prompts.removeIf(turn -> now.nanos() - turn.endNanos() >= TurnDurations.MAX_AGE_OF_PROMPTS_NANOS);
        return new Comparison(pairs(ofWide.prompts, narrow, now), pairs(ofWide.others, narrow, now));
    }

    private List<Pair> pairs(Deque<Turn> wide, int narrow, Moment now) {
        List<Pair> pairs = new ArrayList<>();
        for (Turn turn : wide) {
            narrowNanos(turn, narrow, now).ifPresent(nanos -> pairs.add(new Pair(nanos, turn.nanos())));
        }
        return pairs;
    }

    /**
     * What the narrow groups of a turn, side by side, need for its steps on average, in nanoseconds; empty if this is
     * not known.
     */
    OptionalDouble narrowNanos(Turn turn, int narrow, Moment now) {
        double sum = 0;
        int active = 0;
        int first = turn.group().first();
        for (int next = first; next < turn.group().end(); ) {
            int end = Math.min(
                    InstanceGroup.of(next, narrow, instances).end(),
                    turn.group().end());
            StepSize part = StepSize.sum(turn.work().subList(next - first, end - first));
            if (part.rows() > 0) {
                OptionalDouble nanos = byWidth.get(narrow).durations.expected(part, now);
                if (nanos.isEmpty()) {
                    return nanos;
                }
                sum += nanos.getAsDouble();
                active++;
            }
            next = end;
        }
        return active == 0 ? OptionalDouble.empty() : OptionalDouble.of(sum / active);
    }
}
