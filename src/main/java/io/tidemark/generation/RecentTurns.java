package io.tidemark.generation;

import io.tidemark.generation.GroupWidth.Turn;
import io.tidemark.generation.TurnDurations.Moment;
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

    /** Turns of a width that are compared. */
    private static final int COMPARED_TURNS = 32;
    /** The fewest turns that are compared. */
    static final int FEW_TURNS = 2;

    private final int instances;
    private final Map<Integer, OfWidth> byWidth = new HashMap<>();

    private static final class OfWidth {
        /** For comparisons with another width. */
        private final TurnDurations durations = new TurnDurations();

        private final Deque<Turn> turns = new ArrayDeque<>();
        /**
         * By first instance of the group, for the detection of changes: kept while other widths run. Another process on
         * one of the processors slows only one group.
         */
        private final Map<Integer, TurnDurations> ofGroups = new HashMap<>();

        private void restart() {
            durations.clear();
            turns.clear();
        }
    }

    /**
     * How much faster turns of a wide width are than turns of a narrow one, as the logarithm of the ratio of their
     * durations: above 0 if they are faster.
     *
     * @param prompts of turns with prompt tokens; empty if too few were compared
     * @param others  of turns without; empty if too few were compared
     */
    record Gains(OptionalDouble prompts, OptionalDouble others) {

        static final Gains NONE = new Gains(OptionalDouble.empty(), OptionalDouble.empty());

        static Gains of(boolean prompts, double gain) {
            return prompts
                    ? new Gains(OptionalDouble.of(gain), OptionalDouble.empty())
                    : new Gains(OptionalDouble.empty(), OptionalDouble.of(gain));
        }

        boolean isEmpty() {
            return prompts.isEmpty() && others.isEmpty();
        }

        /**
         * The gain of all turns. A kind that was not compared counts as the other.
         *
         * @param promptShare the part of the time that turns with prompt tokens take
         * @param isOfWide    whether this is the time of the wide width; otherwise that of the narrow one
         * @throws java.util.NoSuchElementException if neither kind was compared
         */
        double overall(double promptShare, boolean isOfWide) {
            double ofPrompts = prompts.orElseGet(others::getAsDouble);
            double ofOthers = others.orElse(ofPrompts);
            int sign = isOfWide ? 1 : -1;
            return sign
                    * Math.log(
                            promptShare * Math.exp(sign * ofPrompts) + (1 - promptShare) * Math.exp(sign * ofOthers));
        }
    }

    /** Turns of wide groups, each with what narrow groups would need for it. */
    private static final class Comparison {
        private final List<double[]> turns = new ArrayList<>();

        /** From the middle half of the turns by gain. */
        private OptionalDouble gain() {
            if (turns.size() < FEW_TURNS) {
                return OptionalDouble.empty();
            }
            turns.sort(Comparator.comparingDouble(turn -> turn[0] / turn[1]));
            int left = turns.size() / 4;
            List<double[]> middle = turns.subList(left, turns.size() - left);
            return OptionalDouble.of(Math.log(sum(middle, 0) / sum(middle, 1)));
        }

        private static double sum(List<double[]> turns, int index) {
            return turns.stream().mapToDouble(turn -> turn[index]).sum();
        }
    }

    RecentTurns(EngineLayout layout) {
        this.instances = layout.instances();
        layout.groupWidths().forEach(width -> byWidth.put(width, new OfWidth()));
    }

    /** Forgets all turns. */
    void clear() {
        byWidth.values().forEach(width -> {
            width.restart();
            width.ofGroups.clear();
        });
    }

    /** Forgets the turns of all widths that are compared; changes are still detected. */
    void restart() {
        byWidth.values().forEach(OfWidth::restart);
    }

    /** Forgets the turns of one width that are compared; changes are still detected. */
    void restart(int width) {
        byWidth.get(width).restart();
    }

    /**
     * Adds a turn with rows.
     *
     * @return whether turns of this width take a clearly different time than before; earlier ones are not compared then
     */
    boolean add(Turn turn, Moment now) {
        OfWidth width = byWidth.get(turn.width());
        boolean changed = width.ofGroups
                .computeIfAbsent(turn.group().first(), group -> new TurnDurations())
                .add(turn.step(), turn.nanos(), now);
        if (changed) {
            width.restart();
        }
        width.durations.add(turn.step(), turn.nanos(), now);
        width.turns.addLast(turn);
        if (width.turns.size() > COMPARED_TURNS) {
            width.turns.removeFirst();
        }
        return changed;
    }

    /** Whether this width has more turns than the fewest that are compared. */
    boolean isMeasured(int width) {
        return byWidth.get(width).turns.size() > FEW_TURNS;
    }

    /** How much faster the recent turns of wide groups were than turns of the narrow groups in them. */
    Gains wideGains(int narrow, int wide, Moment now) {
        Comparison prompts = new Comparison();
        Comparison others = new Comparison();
        for (Turn turn : byWidth.get(wide).turns) {
            Comparison kind = turn.step().prompt() ? prompts : others;
            narrowNanos(turn, narrow, now).ifPresent(nanos -> kind.turns.add(new double[] {nanos, turn.nanos()}));
        }
        return new Gains(prompts.gain(), others.gain());
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
