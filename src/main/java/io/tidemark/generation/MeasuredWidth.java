package io.tidemark.generation;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;

/**
 * Chooses the width of the groups by measured durations of turns. A joint step reads the weights once for all its rows;
 * the steps of single instances do not wait for each other. Which is faster depends on rows and model, and on what else
 * uses the processors.
 *
 * <ul>
 *   <li>While at most one instance is active, the width is the largest: its steps may use all processors.
 *   <li>While a background task runs, the width is 1: its slices run beside the steps of other instances.
 *   <li>Otherwise, each number of rows has a preferred width. The next smaller or larger one is tried for a few turns,
 *       and becomes the preferred one if it is faster by more than {@code MIN_GAIN}.
 * </ul>
 *
 * <p>A turn of a wide group is compared with what the narrow groups in it would need for the same steps, each measured
 * at this size. This covers prompts and other tokens in the proportion in which they occur. The first turn of a thread
 * after a change of the width is not counted. The next trial follows after {@code MIN_BETWEEN} rounds, which double
 * with each trial that is lost or nearly so, or soon after turns begin to take a clearly different time.
 *
 * <p>No clock and no threads: called with the durations of turns by one thread at a time.
 */
final class MeasuredWidth implements GroupWidth {

    /** Rounds between two trials. In a round each active group has a turn. */
    private static final int MIN_BETWEEN = 16;

    private static final int MAX_BETWEEN = 1024;
    /** Rounds until the next trial when turns take a clearly different time. */
    private static final int AFTER_CHANGE = 8;
    /** Before an urgent trial, a second counts as at least this many rounds. */
    private static final double URGENT_ROUNDS_PER_SECOND = 8;
    /** A trial ends after this many counted rounds if the difference is more than {@code CLEAR_GAIN}. */
    private static final int TRIAL_ROUNDS = 5;
    /** Any trial ends after this many rounds. */
    private static final int MAX_TRIAL_ROUNDS = 16;

    private static final double CLEAR_GAIN = 0.1;
    /** A trial ends after {@code FEW_TURNS} turns if the slower width takes this many times as long. */
    private static final double FAR_SLOWER = 1.6;

    private static final int FEW_TURNS = 2;
    /** A trial of a wider group ends after its first turn if this takes so many times as long. */
    private static final double HOPELESS = 4;
    /** After a lost trial, none follows for this many times the time that it has cost, unless durations change. */
    private static final double MIN_TIME_TO_COST = 100;
    /** The rounds between two trials grow by this factor after such a trial, and by 2 after others. */
    private static final int FACTOR_WHERE_FAR = 8;
    /** Smaller differences do not change the width. */
    private static final double MIN_GAIN = 0.03;
    /** Recent turns that are compared. */
    private static final int COMPARED_TURNS = 32;
    /** The weight of a round in the mean number of rows. */
    private static final double ROUND_WEIGHT = 0.25;

    private final int instances;
    private final List<Integer> widths;
    private final int initialPreference;
    private final InstanceWork[] work;
    /** By index of the width. */
    private final List<Measured> measured = new ArrayList<>();

    private final Map<Integer, Preference> baseByRows = new TreeMap<>();
    private final Map<Integer, Preference> mixedByRows = new TreeMap<>();
    /** Of the threads whose first turn since the last change of the width has ended. */
    private final boolean[] settled;

    private int lastWidth;
    private double meanRows;
    private int rowsClass;
    private long noTrialBefore = Long.MIN_VALUE;
    private Optional<Trial> trial = Optional.empty();

    /** The turns of one width. */
    private static final class Measured {
        private final TurnDurations durations = new TurnDurations();
        private final Deque<Turn> recent = new ArrayDeque<>();

        private void restart() {
            durations.restart();
            recent.clear();
        }

        /** Returns whether turns take a clearly different time than before; earlier ones are forgotten then. */
        private boolean add(Turn turn) {
            boolean changed = durations.add(step(turn.work()), turn.nanos(), turn.endNanos());
            if (changed) {
                recent.clear();
            }
            recent.addLast(turn);
            if (recent.size() > COMPARED_TURNS) {
                recent.removeFirst();
            }
            return changed;
        }
    }

    /** The width that is used for a number of rows, and when the next one is tried. */
    private static final class Preference {
        private int width;
        private int between = MIN_BETWEEN;
        private double roundsLeft = between;
        /** Whether the next trial is also due after some time, because this width may be far slower. */
        private boolean urgent = true;

        private int direction = 1;

        private Preference(int width) {
            this.width = width;
        }

        /** Returns whether a trial is due. */
        private boolean roundEnds(double round, boolean changed, double seconds) {
            urgent |= changed;
            roundsLeft = changed
                    ? Math.min(roundsLeft, AFTER_CHANGE)
                    : roundsLeft - round * (urgent ? Math.max(1, seconds * URGENT_ROUNDS_PER_SECOND) : 1);
            return roundsLeft <= 0;
        }
    }

    /** A trial of another width. */
    private static final class Trial {
        private final Preference preference;
        private final int width;
        private double rounds;
        private double nanos;

        private Trial(Preference preference, int width) {
            this.preference = preference;
            this.width = width;
        }
    }

    MeasuredWidth(EngineLayout layout) {
        this.instances = layout.instances();
        this.widths = layout.groupWidths();
        this.initialPreference = layout.isWideByDefault() ? widths.size() - 1 : 0;
        this.work = new InstanceWork[instances];
        this.settled = new boolean[instances];
        widths.forEach(width -> measured.add(new Measured()));
    }

    @Override
    public int start() {
        Arrays.fill(work, InstanceWork.NONE);
        trial = Optional.empty();
        lastWidth = widest();
        return widest();
    }

    @Override
    public int next(Turn turn) {
        if (widths.size() == 1) {
            return widest();
        }
        for (int i = 0; i < turn.work().size(); i++) {
            work[turn.group().first() + i] = turn.work().get(i);
        }
        boolean counted = isCounted(turn);
        if (Arrays.stream(work).anyMatch(InstanceWork::background)) {
            trial = Optional.empty();
            return widths.get(0);
        }
        if (Arrays.stream(work).filter(InstanceWork::active).count() < 2) {
            trial = Optional.empty();
            return widest();
        }
        int width = widths.indexOf(turn.width());
        double round = 1.0 / Math.max(1, activeGroups(turn.width()));
        boolean changed = counted && measured.get(width).add(turn);
        Preference preference = preference(round);
        if (trial.isEmpty() && width == preference.width) {
            if (changed) {
                noTrialBefore = turn.endNanos();
            }
            boolean isDue = preference.roundEnds(round, changed, turn.nanos() / 1e9);
            boolean isAffordable = turn.endNanos() >= noTrialBefore;
            if (isDue && isAffordable && measured.get(width).recent.size() > FEW_TURNS) {
                trial = Optional.of(new Trial(preference, other(preference)));
            }
        } else if (trial.isPresent() && trial.get().width == width) {
            trial.get().nanos += turn.nanos() * round;
            if (counted) {
                trial.get().rounds += round;
                conclude(trial.get(), turn.endNanos());
            } else if (isHopeless(trial.get(), turn)) {
                end(trial.get(), 1 / HOPELESS - 1, true, turn.endNanos());
            }
        }
        return widths.get(trial.map(running -> running.width).orElse(preference.width));
    }

    /** Whether the duration of a turn counts: it had rows, and is not the first one after a change of the width. */
    private boolean isCounted(Turn turn) {
        if (turn.width() != lastWidth) {
            lastWidth = turn.width();
            Arrays.fill(settled, false);
            measured.get(widths.indexOf(lastWidth)).restart();
        }
        boolean counted = settled[turn.group().first()];
        settled[turn.group().first()] = true;
        return counted && step(turn.work()).rows() > 0;
    }

    private long activeGroups(int width) {
        return InstanceGroup.all(width, instances).stream()
                .filter(group ->
                        Arrays.stream(work, group.first(), group.end()).anyMatch(InstanceWork::active))
                .count();
    }

    /** The preference for the present rows: at first that for the nearest number of rows. */
    private Preference preference(double round) {
        int rows = Math.max(
                1, Arrays.stream(work).mapToInt(each -> each.step().rows()).sum());
        boolean adapters = Arrays.stream(work).anyMatch(each -> each.step().adapters());
        boolean jumps = rows > 2 * meanRows || 2 * rows < meanRows;
        meanRows = jumps ? rows : meanRows + ROUND_WEIGHT * round * (rows - meanRows);
        double logRows = 2 * Math.log(meanRows) / Math.log(2);
        if (Math.abs(logRows - rowsClass) > 0.75) {
            rowsClass = (int) Math.round(logRows);
        }
        Map<Integer, Preference> byRows = adapters ? mixedByRows : baseByRows;
        Map<Integer, Preference> known = byRows.isEmpty() ? (adapters ? baseByRows : mixedByRows) : byRows;
        Preference preference = byRows.get(rowsClass);
        if (preference == null) {
            preference = known.entrySet().stream()
                    .min(Comparator.comparingInt(entry -> Math.abs(entry.getKey() - rowsClass)))
                    .map(Map.Entry::getValue)
                    .map(nearest -> new Preference(nearest.width))
                    .orElseGet(() -> new Preference(initialPreference));
            byRows.put(rowsClass, preference);
        }
        return preference;
    }

    private int widest() {
        return widths.get(widths.size() - 1);
    }

    private int other(Preference preference) {
        int other = preference.width + preference.direction;
        return other >= 0 && other < widths.size() ? other : preference.width - preference.direction;
    }

    private void conclude(Trial running, long now) {
        Preference preference = running.preference;
        OptionalDouble wideGain = wideGain(
                Math.min(running.width, preference.width), Math.max(running.width, preference.width), now);
        boolean isLast = running.rounds >= MAX_TRIAL_ROUNDS;
        boolean isFar = wideGain.isPresent()
                && (wideGain.getAsDouble() > FAR_SLOWER - 1 || wideGain.getAsDouble() < 1 / FAR_SLOWER - 1);
        boolean isMeasured = running.rounds >= TRIAL_ROUNDS && wideGain.isPresent()
                || running.rounds >= FEW_TURNS && isFar;
        if (!isMeasured && !isLast) {
            return;
        }
        double gain = wideGain.isEmpty()
                ? 0
                : running.width > preference.width ? wideGain.getAsDouble() : 1 / (1 + wideGain.getAsDouble()) - 1;
        boolean isClear = Math.abs(gain) > CLEAR_GAIN;
        if (!isClear && !isLast) {
            return;
        }
        end(running, gain, isFar, now);
    }

    /** Whether already the first turn of a wider group, which is not counted, takes far too long. */
    private boolean isHopeless(Trial running, Turn turn) {
        OptionalDouble narrow = running.width > running.preference.width
                ? narrowNanos(turn, running.preference.width, turn.endNanos())
                : OptionalDouble.empty();
        return narrow.isPresent() && turn.nanos() > HOPELESS * narrow.getAsDouble();
    }

    private void end(Trial running, double gain, boolean isFar, long now) {
        Preference preference = running.preference;
        if (gain < 0) {
            noTrialBefore = now + (long) (MIN_TIME_TO_COST * -gain * running.nanos);
        }
        if (gain > MIN_GAIN) {
            preference.direction = Integer.signum(running.width - preference.width);
            preference.width = running.width;
        } else {
            preference.direction = -preference.direction;
        }
        int factor = isFar ? FACTOR_WHERE_FAR : 2;
        preference.between = gain > CLEAR_GAIN ? MIN_BETWEEN : Math.min(factor * preference.between, MAX_BETWEEN);
        preference.roundsLeft = preference.between;
        preference.urgent = preference.between == MIN_BETWEEN;
        trial = Optional.empty();
    }

    /**
     * How much faster the recent turns of wide groups were than turns of the narrow groups in them: 0.1 if these would
     * take 1.1 times as long. Of many turns the fastest and the slowest one by comparison are left out.
     *
     * @return empty if too few turns can be compared
     */
    private OptionalDouble wideGain(int narrow, int wide, long now) {
        List<double[]> pairs = new ArrayList<>();
        for (Turn turn : measured.get(wide).recent) {
            narrowNanos(turn, narrow, now).ifPresent(nanos -> pairs.add(new double[] {nanos, turn.nanos()}));
        }
        if (pairs.size() < FEW_TURNS) {
            return OptionalDouble.empty();
        }
        pairs.sort(Comparator.comparingDouble(pair -> pair[0] / pair[1]));
        double narrowNanos = 0;
        double wideNanos = 0;
        int left = pairs.size() < TRIAL_ROUNDS ? 0 : 1;
        for (double[] pair : pairs.subList(left, pairs.size() - left)) {
            narrowNanos += pair[0];
            wideNanos += pair[1];
        }
        return OptionalDouble.of(narrowNanos / wideNanos - 1);
    }

    /** What the narrow groups of a turn, side by side, need for its steps on average; empty if this is not known. */
    private OptionalDouble narrowNanos(Turn turn, int narrow, long now) {
        double sum = 0;
        int active = 0;
        int first = turn.group().first();
        for (int next = first; next < turn.group().end(); ) {
            int end = Math.min(InstanceGroup.of(next, widths.get(narrow), instances).end(), turn.group().end());
            StepSize part = step(turn.work().subList(next - first, end - first));
            if (part.rows() > 0) {
                OptionalDouble nanos = measured.get(narrow).durations.expected(part, now);
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

    private static StepSize step(List<InstanceWork> work) {
        return work.stream().map(InstanceWork::step).reduce(StepSize.NONE, StepSize::plus);
    }
}
