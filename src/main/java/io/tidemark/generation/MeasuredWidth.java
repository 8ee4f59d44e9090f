package io.tidemark.generation;

import io.tidemark.generation.RecentTurns.Comparison;
import io.tidemark.generation.RecentTurns.Gains;
import io.tidemark.generation.TurnDurations.Change;
import io.tidemark.generation.TurnDurations.Moment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Chooses the width of the groups by measured durations of turns. A joint step reads the weights once for all its rows;
 * the steps of single instances do not wait for each other. Which is faster depends on rows and model, and on what else
 * uses the processors.
 *
 * <ul>
 *   <li>While at most one instance is active and no further request can start, the width is the largest: its steps may
 *       use all processors. It stays as it is, however, while an idle instance is in a turn that may start a request.
 *       If requests can start, the width is the one for their number.
 *   <li>While a background task runs, the width is 1: its slices run beside the steps of other instances.
 *   <li>Otherwise, each number of rows has a preferred width, at first the layout's; if this is the largest, the
 *       smallest one whose groups have enough rows. The next smaller or larger one is tried for a while. It becomes
 *       the preferred one if it was faster: by more than {@code MIN_GAIN} in the mean of several trials, or by more
 *       than {@code FIRST_GAIN} in the first one. Towards the initial width, any gain is enough.
 * </ul>
 *
 * <p>Widths are compared by their {@link RecentTurns}: those with prompt tokens and those without, which count by the
 * time that they take. If a trial has turns of one kind only, the other counts as in earlier trials: requests that
 * start together have their prompts in few turns. The first turn of a thread after a change of the width is not
 * counted, and neither is a turn with a slice of a background task. A {@link TrialSchedule} says when the next trial
 * follows. None begins while the number of rows changes. A trial may end early, because instances become idle, a
 * background task begins or the rows change. After {@code FULL_TRIAL_ROUNDS} it then counts if it favours the tried
 * width, and otherwise costs the time that it has lost. With fewer rounds, or if its turns cannot be compared, it costs
 * all its time.
 *
 * <p>No clock and no threads: called with the durations of turns by one thread at a time.
 */
final class MeasuredWidth implements GroupWidth {

    /**
     * A trial ends after this many counted rounds if the difference is more than {@code CLEAR_GAIN}; see
     * {@code CLEAR_LOSS} for an exception.
     */
    private static final int TRIAL_ROUNDS = 5;
    /**
     * A trial without a clear difference ends after this many rounds. A trial of a wider group also has to last
     * {@code SETTLED_NANOS}.
     */
    private static final int FULL_TRIAL_ROUNDS = 16;

    private static final double CLEAR_GAIN = 0.1;
    /**
     * The turns of a wider group become faster for a while after a change of the width: those of SmolLM2-135M with two
     * rows take 7.3 ms at first, 6.7 ms after 0.1 s and 6.4 ms after 0.4 s. The last {@code COMPARED_TURNS} of
     * {@link RecentTurns} are compared.
     */
    static final double SETTLED_NANOS = 0.35e9;
    /** Before this time, a loss ends a trial of a wider group only if it is more than {@code CLEAR_LOSS}. */
    private static final double NEARLY_SETTLED_NANOS = 0.1e9;

    private static final double CLEAR_LOSS = 0.25;
    /**
     * A single trial changes the width if the other one is faster by more than this. A process that works in bursts
     * often slows turns by less, and may pause during a trial.
     */
    private static final double FIRST_GAIN = 0.35;
    /** A trial ends after {@code RecentTurns.FEW_TURNS} rounds if the slower width takes this many times as long. */
    static final double FAR_SLOWER = 1.6;
    /** A trial of a wider group ends after its first turn if this takes so many times as long. */
    private static final double HOPELESS = 4;
    /** Smaller differences do not change the width, except back towards the initial width. */
    private static final double MIN_GAIN = 0.03;
    /** The weight of a round in the mean number of rows. */
    private static final double ROUND_WEIGHT = 0.25;
    /** The share of turns with prompt tokens is a mean over about this time. */
    private static final double SHARE_NANOS = 60e9;
    /** A longer turn counts as this part of that time. */
    private static final double MAX_SHARE_OF_TURN = 0.1;

    /** A group with this many rows gains little from a step with more rows. */
    private static final int ENOUGH_ROWS = 12;

    private final int instances;
    private final List<Integer> widths;
    private final boolean isWideByDefault;
    private final InstanceActivity activity;
    private final RecentTurns turns;

    private final Map<Integer, Preference> baseByRows = new TreeMap<>();
    private final Map<Integer, Preference> mixedByRows = new TreeMap<>();
    /** Of the threads whose first turn since the last change of the width has ended. */
    private final boolean[] settled;

    private int lastWidth;
    private double meanRows;
    private int rowsClass;
    /** Whether the last turns had adapters. */
    private boolean adapters;

    private double rounds;
    private long lastEndNanos;
    /** For the rows of the last turn that had rows; empty before it. */
    private Optional<Preference> present = Optional.empty();
    /** Consecutive rounds before the last turn in which this was the preference. */
    private double roundsOfPresent;

    private Optional<Trial> trial = Optional.empty();
    /** While a trial waits for its first turn, or the preferred width for its first turn after a trial. */
    private Optional<Wait> waiting = Optional.empty();

    /** The width that is used for a number of rows, and when the next one is tried. */
    private static final class Preference {
        /** What the layout and the number of rows suggest. */
        private final int initial;

        private int width;
        private int direction = 1;
        private final TrialSchedule schedule = new TrialSchedule();
        /** By narrow width: how much faster the next wider one was in recent trials. */
        private final Map<Integer, TrialGains> gains = new HashMap<>();
        /** The recent time of turns of this width, and the part of it in which an instance had prompt tokens. */
        private double recentNanos;

        private double promptNanos;
        /** How turns of this width have changed since the last round of it; perhaps noticed during a trial. */
        private Change change = Change.NONE;

        private Preference(int initial, int width) {
            this.initial = initial;
            this.width = width;
        }

        private void roundEnds(double round, double seconds) {
            if (change == Change.NONE) {
                schedule.roundEnds(round, seconds);
                return;
            }
            gains.clear();
            // what slows single instances slows wide groups at least as much: their threads wait for each other
            if (change != Change.FASTER) {
                direction = -1;
            }
            if (change == Change.FASTER || width > 0) {
                schedule.durationsChange();
            } else {
                schedule.postpone();
            }
            change = Change.NONE;
        }

        private void addTime(double turnNanos, boolean prompt) {
            double counted = Math.min(turnNanos, MAX_SHARE_OF_TURN * SHARE_NANOS);
            double kept = Math.exp(-counted / SHARE_NANOS);
            recentNanos = kept * recentNanos + counted;
            promptNanos = kept * promptNanos + (prompt ? counted : 0);
        }

        /** @param gains how much faster the wider one of both widths is */
        private void changeTo(int other, Gains gains) {
            int sign = other > width ? -1 : 1;
            double otherNanos =
                    (recentNanos - promptNanos) * Math.exp(sign * gains.others().orElse(0));
            promptNanos *= Math.exp(sign * gains.prompts().orElse(0));
            recentNanos = promptNanos + otherNanos;
            direction = Integer.signum(other - width);
            width = other;
            change = Change.NONE;
            schedule.widthChanges();
        }

        private double promptShare() {
            return promptNanos / Math.max(1, recentNanos);
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

        private boolean isWider() {
            return width > preference.width;
        }

        private int narrow() {
            return Math.min(width, preference.width);
        }

        private int wide() {
            return Math.max(width, preference.width);
        }

        private TrialGains allTrials() {
            return preference.gains.computeIfAbsent(narrow(), narrow -> new TrialGains());
        }

        private boolean isComplete() {
            return rounds >= FULL_TRIAL_ROUNDS && !(isWider() && nanos < SETTLED_NANOS);
        }

        /** Whether further rounds would hardly change which width is faster. */
        private boolean isClear(OptionalDouble gain) {
            if (gain.isEmpty() || rounds < TRIAL_ROUNDS) {
                return false;
            }
            double loss = isWider() && nanos < NEARLY_SETTLED_NANOS ? CLEAR_LOSS : CLEAR_GAIN;
            return gain.getAsDouble() > Math.log1p(CLEAR_GAIN) || gain.getAsDouble() < -Math.log1p(loss);
        }

        /** How much faster the tried width is for all turns, as a logarithm, if the wide one has these gains. */
        private OptionalDouble overall(Gains gains) {
            OptionalDouble wideGain = gains.overall(preference.promptShare(), !isWider());
            return isWider() || wideGain.isEmpty() ? wideGain : OptionalDouble.of(-wideGain.getAsDouble());
        }
    }

    /**
     * How much faster the tried width is, as logarithms.
     *
     * @param own     in the compared turns of this trial; empty if there were too few
     * @param all     for all turns, if those of a kind that was not compared are as in earlier trials
     * @param mean    for all turns, in the mean of recent trials
     * @param isFirst whether this mean has too few trials for a decision by a small gain
     */
    private record Verdict(OptionalDouble own, double all, double mean, boolean isFirst) {

        private static final Verdict UNKNOWN = new Verdict(OptionalDouble.empty(), 0, 0, true);

        /** Of a trial whose first turn, which is not counted, already takes far too long. */
        private static Verdict hopeless() {
            double gain = -Math.log(HOPELESS);
            return new Verdict(OptionalDouble.of(gain), gain, gain, true);
        }
    }

    /** The time until the first turn of another width, which begins when no thread is in a turn. */
    private record Wait(Preference preference, int width, long sinceNanos) {}

    MeasuredWidth(EngineLayout layout) {
        this.instances = layout.instances();
        this.widths = layout.groupWidths();
        this.isWideByDefault = layout.isWideByDefault();
        this.activity = new InstanceActivity(instances);
        this.settled = new boolean[instances];
        this.turns = new RecentTurns(layout);
    }

    /** Also called when an engine starts again: only the preferences are kept. */
    @Override
    public int start() {
        interrupt(new Moment(lastEndNanos, rounds));
        activity.clear();
        Arrays.fill(settled, false);
        turns.clear();
        present = Optional.empty();
        trial = Optional.empty();
        waiting = Optional.empty();
        meanRows = 0;
        lastWidth = widest();
        return widest();
    }

    @Override
    public void begins(InstanceGroup group) {
        activity.turnBegins(group);
    }

    @Override
    public int next(Turn turn) {
        if (widths.size() == 1) {
            return widest();
        }
        activity.turnEnds(turn);
        turnEnds(turn);
        if (activity.hasBackground()) {
            interrupt(now(turn));
            return widths.get(0);
        }
        if (activity.active() < 2) {
            interrupt(now(turn));
            return turn.startable() == 0 ? widthForOneActive(turn) : widthForStart(turn);
        }
        if (turn.step().rows() > 0) {
            decide(turn);
        }
        if (trial.isPresent()) {
            return widths.get(trial.get().width);
        }
        boolean starts = activity.steps().rows() == 0 && activity.starting() > 0;
        return starts || present.isEmpty() ? widthForStart(turn) : widths.get(present.get().width);
    }

    /** The rows of the last turns, and those that the next turns may have in addition. */
    private int rows(Turn turn) {
        return activity.steps().rows() + activity.starting() + turn.startable();
    }

    private int widthForStart(Turn turn) {
        return widths.get(widthFor(rows(turn)));
    }

    /**
     * The largest width. While an idle instance is in a turn, the width stays: a change would wait for this turn, which
     * may have a long prompt.
     */
    private int widthForOneActive(Turn turn) {
        return activity.hasIdleInTurn() ? turn.width() : widest();
    }

    /** Restarts durations that cannot be compared with further ones, and charges the wait for a width that begins. */
    private void turnEnds(Turn turn) {
        long startNanos = turn.endNanos() - turn.nanos();
        if (startNanos - lastEndNanos > TurnDurations.MAX_AGE_NANOS) {
            turns.restart();
        }
        lastEndNanos = turn.endNanos();
        if (turn.width() != lastWidth) {
            lastWidth = turn.width();
            Arrays.fill(settled, false);
            turns.restart(lastWidth);
        }
        if (waiting.filter(wait -> widths.get(wait.width) == turn.width()).isPresent()) {
            endWait(startNanos);
        }
    }

    private void endWait(long nanos) {
        waiting.ifPresent(wait -> wait.preference.schedule.charge(nanos - wait.sinceNanos));
        waiting = Optional.empty();
    }

    /** After a turn with rows, while several instances are active. */
    private void decide(Turn turn) {
        int width = widths.indexOf(turn.width());
        double round = 1.0 / Math.max(1, activity.activeGroups(turn.width()));
        rounds += round;
        boolean hadSlice = turn.hadSlice();
        boolean counted = settled[turn.group().first()] && !hadSlice;
        settled[turn.group().first()] = true;
        Change change = counted ? turns.add(turn, now(turn)) : Change.NONE;
        Preference preference = preference(round, rows(turn));
        boolean stays = present.filter(before -> before == preference).isPresent();
        roundsOfPresent = stays ? roundsOfPresent + round : 0;
        present = Optional.of(preference);
        if (change != Change.NONE) {
            Stream.concat(baseByRows.values().stream(), mixedByRows.values().stream())
                    .filter(each -> each.width == width)
                    .forEach(each -> each.change = change);
        }
        preference.schedule.timePasses(turn.nanos() * round);
        if (trial.isPresent() && trial.get().preference != preference) {
            Preference tried = trial.get().preference;
            int widthBefore = tried.width;
            interrupt(now(turn));
            if (tried.width == widthBefore) {
                waiting = Optional.of(new Wait(tried, preference.width, turn.endNanos()));
            }
        }
        if (trial.isEmpty() && width == preference.width) {
            if (counted) {
                preference.addTime(round * turn.nanos(), activity.steps().prompt());
            }
            // a change that was withdrawn
            endWait(turn.endNanos());
            preference.roundEnds(round, turn.nanos() / 1e9);
            // after a collapse, each further turn costs more than a trial
            boolean isCollapse = change == Change.COLLAPSE && width > 0;
            boolean isDue = preference.schedule.isDue() && roundsOfPresent >= TRIAL_ROUNDS;
            if ((isDue || isCollapse) && turns.isMeasured(turn.width())) {
                trial = Optional.of(new Trial(preference, other(preference)));
                preference.schedule.trialBegins();
                waiting = Optional.of(new Wait(preference, trial.get().width, turn.endNanos()));
            }
        } else if (trial.isPresent() && trial.get().width == width) {
            trial.get().nanos += turn.nanos() * round;
            if (counted) {
                trial.get().rounds += round;
                conclude(trial.get(), now(turn));
            } else if (!hadSlice && isHopeless(trial.get(), turn)) {
                end(trial.get(), Verdict.hopeless(), turn.endNanos());
            }
        }
    }

    private Moment now(Turn turn) {
        return new Moment(turn.endNanos(), rounds);
    }

    /**
     * Ends a trial that cannot go on. A gain counts after {@code FULL_TRIAL_ROUNDS}. A loss does not: turns of the
     * wider group may not have settled.
     */
    private void interrupt(Moment now) {
        trial.ifPresent(running -> {
            Comparison compared = compare(running, now);
            OptionalDouble own =
                    running.rounds >= FULL_TRIAL_ROUNDS ? running.overall(compared.gains()) : OptionalDouble.empty();
            if (own.orElse(0) > 0) {
                end(running, verdict(running, compared), now.nanos());
            } else {
                endWait(now.nanos());
                running.preference.schedule.charge(lost(own) * running.nanos);
                running.preference.schedule.trialDrops();
            }
        });
        trial = Optional.empty();
        waiting = Optional.empty();
    }

    private Comparison compare(Trial running, Moment now) {
        return turns.compare(widths.get(running.narrow()), widths.get(running.wide()), now);
    }

    /** The preference for this number of rows, in the mean of recent rounds: at first that for the nearest number. */
    private Preference preference(double round, int rows) {
        adapters = activity.steps().adapters();
        boolean jumps = rows > 2 * meanRows || 2 * rows < meanRows;
        meanRows = jumps ? rows : meanRows + ROUND_WEIGHT * round * (rows - meanRows);
        if (Math.abs(logRows(meanRows) - rowsClass) > 0.75) {
            rowsClass = (int) Math.round(logRows(meanRows));
        }
        return (adapters ? mixedByRows : baseByRows)
                .computeIfAbsent(rowsClass, newClass -> new Preference(initial(newClass), widthFor(meanRows)));
    }

    /**
     * For a class of numbers of rows: the width of the layout; if this is the largest, the smallest one whose groups
     * have enough rows. Groups with fewer rows read the weights more often than necessary. With enough rows a decoding
     * step takes about as long in either width, and prompts are faster in narrow groups: they run beside the decoding
     * rows of others.
     */
    private int initial(int ofClass) {
        double rows = Math.pow(2, ofClass / 2.0);
        for (int width = 0; isWideByDefault && width < widths.size(); width++) {
            int groups = InstanceGroup.all(widths.get(width), instances).size();
            if (rows >= ENOUGH_ROWS * groups) {
                return width;
            }
        }
        return isWideByDefault ? widths.size() - 1 : 0;
    }

    /**
     * The preferred width for the nearest number of rows that has the same initial one, with adapters if the last turns
     * had some.
     */
    private int widthFor(double expected) {
        double rows = Math.max(1, expected);
        Map<Integer, Preference> same = adapters ? mixedByRows : baseByRows;
        Map<Integer, Preference> known = same.isEmpty() ? (adapters ? baseByRows : mixedByRows) : same;
        int initial = initial((int) Math.round(logRows(rows)));
        return known.entrySet().stream()
                .filter(entry -> entry.getValue().initial == initial)
                .min(Comparator.comparingDouble(entry -> Math.abs(entry.getKey() - logRows(rows))))
                .map(nearest -> nearest.getValue().width)
                .orElse(initial);
    }

    private static double logRows(double rows) {
        return 2 * Math.log(rows) / Math.log(2);
    }

    private int widest() {
        return widths.get(widths.size() - 1);
    }

    private int other(Preference preference) {
        int other = preference.width + preference.direction;
        return other >= 0 && other < widths.size() ? other : preference.width - preference.direction;
    }

    private void conclude(Trial running, Moment now) {
        Comparison compared = compare(running, now);
        OptionalDouble own = running.overall(compared.gains());
        boolean isFarApart = running.rounds >= RecentTurns.FEW_TURNS && isFar(own);
        if (isFarApart || running.isClear(own) || running.isComplete()) {
            end(running, verdict(running, compared), now.nanos());
        }
    }

    private static Verdict verdict(Trial running, Comparison compared) {
        Gains gains = compared.gains();
        OptionalDouble own = running.overall(gains);
        if (own.isEmpty()) {
            return Verdict.UNKNOWN;
        }
        TrialGains trials = running.allTrials();
        double all = running.overall(gains.or(trials.means())).orElseThrow();
        trials.add(compared);
        double mean = running.overall(trials.means().or(gains)).orElseThrow();
        return new Verdict(own, all, mean, trials.trials() < TrialGains.MEAN_OF_TRIALS);
    }

    private static boolean isFar(OptionalDouble gain) {
        return gain.isPresent() && Math.abs(gain.getAsDouble()) > Math.log(FAR_SLOWER);
    }

    /** Whether already the first turn of a wider group, which is not counted, takes far too long. */
    private boolean isHopeless(Trial running, Turn turn) {
        OptionalDouble narrow = running.isWider()
                ? turns.narrowNanos(turn, widths.get(running.preference.width), now(turn))
                : OptionalDouble.empty();
        return narrow.isPresent() && turn.nanos() > HOPELESS * narrow.getAsDouble();
    }

    private void end(Trial running, Verdict verdict, long endNanos) {
        Preference preference = running.preference;
        double gain = Math.expm1(verdict.mean);
        boolean isBack = isTowardsInitial(running) && gain > 0;
        if (isBack) {
            // as many trials as at first until the width changes again
            preference.gains.values().forEach(TrialGains::restart);
        }
        if (isBack || gain > (verdict.isFirst ? FIRST_GAIN : MIN_GAIN)) {
            preference.changeTo(running.width, running.allTrials().means());
            waiting = Optional.empty();
        } else {
            preference.direction = -preference.direction;
            preference.schedule.charge(lost(verdict.own) * running.nanos);
            waiting = Optional.of(new Wait(preference, preference.width, endNanos));
        }
        preference.schedule.trialEnds(gain > MIN_GAIN || verdict.mean * verdict.all < 0, isFar(verdict.own));
        trial = Optional.empty();
    }

    /** The part of its time that a trial has lost: all of it if its gain is not known. */
    private static double lost(OptionalDouble gain) {
        return gain.isPresent() ? -Math.expm1(gain.getAsDouble()) : 1;
    }

    private boolean isTowardsInitial(Trial running) {
        int initial = running.preference.initial;
        return Math.abs(running.width - initial) < Math.abs(running.preference.width - initial);
    }
}
