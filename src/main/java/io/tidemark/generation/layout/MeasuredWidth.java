package io.tidemark.generation.layout;

import io.tidemark.generation.layout.TurnDurations.Change;
import io.tidemark.generation.layout.TurnDurations.Moment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Chooses the width of the groups by measured durations of turns. A joint step reads the weights once for all its rows;
 * the steps of single instances do not wait for each other. Which is faster depends on rows and model, and on what else
 * uses the processors.
 *
 * <ul>
 *   <li>While at most one instance is active, and no second one can become active in the next turns, the width is the
 *       largest: its steps may use all processors. It stays as it is, however, while an idle instance is in a turn that
 *       may start a request. If further requests can start, the width is the one for the rows that the next turns may
 *       have.
 *   <li>While a background task runs, the width is 1: its slices run beside the steps of other instances.
 *   <li>Otherwise, each number of rows has a {@link PreferredWidth}. The initial one is the layout's; if this is the
 *       largest, it is the smallest one whose groups have enough rows. The next smaller or larger one is tried for a
 *       while, see {@link WidthTrial}, and becomes the preferred one if it was faster.
 * </ul>
 *
 * <p>Widths are compared by their {@link RecentTurns}. The first turn of a thread after a change of the width is not
 * counted, and neither is a turn with a slice of a background task, or while adapters are being packed. A
 * {@link TrialSchedule} says when the next trial follows. None begins while the number of rows changes or, except after
 * a collapse, while adapters are being packed. A trial may end early, because instances become idle, a background task
 * begins or the rows change.
 *
 * <p>No clock and no threads: called with the durations of turns by one thread at a time.
 */
public final class MeasuredWidth implements GroupWidth {

    /** A trial begins only after this many consecutive rounds of its preference, except after a collapse. */
    private static final int ROUNDS_BEFORE_TRIAL = 5;
    /**
     * At most this many rounds in which adapters are being packed are not counted. Each other round allows another one,
     * so that widths are compared also where adapters change again and again.
     */
    private static final int MAX_UNCOUNTED_ROUNDS = 48;
    /** A shorter round counts as a part of one: a build takes some tenths of a second. */
    private static final double PACKING_ROUND_NANOS = 40e6;

    private final List<Integer> widths;
    private final InstanceActivity activity;
    private final RecentTurns turns;
    private final WidthsByRows preferences;
    /** By first instance of a group: whether a turn has ended since the last change of the width. */
    private final boolean[] settled;

    private int lastWidth;
    private double rounds;
    private long lastEndNanos;
    /** After the last turn with rows while several instances were active; empty before the first one. */
    private Optional<PreferredWidth> present = Optional.empty();
    /** Consecutive rounds before the last turn in which this was the preference. */
    private double roundsOfPresent;
    /** The rounds that were not counted because of packing, less those that were allowed again. */
    private double uncountedRounds;

    private Optional<WidthTrial> trial = Optional.empty();
    /** While a trial waits for its first turn, or the preferred width for its first turn after a trial. */
    private Optional<Wait> waiting = Optional.empty();

    /**
     * The time until the first turn of another width, which begins when no thread is in a turn.
     *
     * @param width index of {@link EngineLayout#groupWidths}
     */
    private record Wait(PreferredWidth preference, int width, long sinceNanos) {}

    public MeasuredWidth(EngineLayout layout) {
        this.widths = layout.groupWidths();
        this.activity = new InstanceActivity(layout.instances());
        this.settled = new boolean[layout.instances()];
        this.turns = new RecentTurns(layout);
        this.preferences = new WidthsByRows(layout);
        this.lastWidth = widest();
    }

    @Override
    public int start() {
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
            return activity.active() + turn.startable() < 2 ? widthForOneActive(turn) : widthForStart(turn);
        }
        if (turn.step().rows() > 0) {
            decide(turn);
        }
        if (trial.isPresent()) {
            return widths.get(trial.get().width());
        }
        boolean starts = activity.steps().rows() == 0 && activity.starting() > 0;
        return starts || present.isEmpty()
                ? widthForStart(turn)
                : widths.get(present.get().width());
    }

    /** The rows of the last turns, and those that the next turns may have in addition. */
    private int rows(Turn turn) {
        return activity.steps().rows() + activity.starting() + turn.startable();
    }

    private int widthForStart(Turn turn) {
        return widths.get(preferences.nearest(rows(turn)));
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
        turns.pause(startNanos - lastEndNanos);
        lastEndNanos = turn.endNanos();
        if (turn.width() != lastWidth) {
            lastWidth = turn.width();
            Arrays.fill(settled, false);
            turns.restartOthers(lastWidth);
        }
        if (waiting.filter(wait -> widths.get(wait.width) == turn.width()).isPresent()) {
            endWait(startNanos);
        }
    }

    private void endWait(long nanos) {
        waiting.ifPresent(wait -> wait.preference.schedule().charge(nanos - wait.sinceNanos));
        waiting = Optional.empty();
    }

    /** Adds a turn with rows, and begins, continues or ends a trial. Several instances are active. */
    private void decide(Turn turn) {
        int width = widths.indexOf(turn.width());
        double round = 1.0 / Math.max(1, activity.activeGroups(turn.width()));
        rounds += round;
        boolean waits = waitsForPacking(round * Math.min(1, turn.nanos() / PACKING_ROUND_NANOS));
        boolean measured = settled[turn.group().first()] && !turn.hadSlice();
        boolean counted = measured && !waits;
        settled[turn.group().first()] = true;
        Change change = measured ? turns.add(turn, counted, now(turn)) : Change.NONE;
        PreferredWidth preference =
                preferences.update(round, rows(turn), activity.steps().adapters());
        boolean stays = present.filter(before -> before == preference).isPresent();
        roundsOfPresent = stays ? roundsOfPresent + round : 0;
        present = Optional.of(preference);
        if (change != Change.NONE) {
            preferences.durationsChange(width, change);
        }
        preference.schedule().timePasses(turn.nanos() * round);
        if (trial.isPresent() && trial.get().preference() != preference) {
            leaveTrial(preference.width(), now(turn));
        }
        if (trial.isEmpty() && width == preference.width()) {
            if (counted) {
                preference.addTime(round * turn.nanos(), activity.steps().prompt());
            }
            // a change that was withdrawn
            endWait(turn.endNanos());
            // after a collapse, each further turn costs more than a trial
            boolean isCollapse = change == Change.COLLAPSE && width > 0;
            if (!waits || isCollapse) {
                preference.turnEnds(round, turn.nanos() / 1e9);
            }
            boolean isDue = preference.schedule().isDue() && roundsOfPresent >= ROUNDS_BEFORE_TRIAL && !waits;
            if ((isDue || isCollapse) && turns.isMeasured(turn.width())) {
                beginTrial(preference, turn.endNanos());
            }
        } else if (trial.isPresent() && trial.get().width() == width) {
            if (waits && !turn.exceeded()) {
                trial.get().waits(turn, round);
            } else if (trial.get().turnEnds(turn, round, counted, now(turn))) {
                trial = Optional.empty();
                waiting = preference.width() == width
                        ? Optional.empty()
                        : Optional.of(new Wait(preference, preference.width(), turn.endNanos()));
            }
        }
    }

    /** Whether a round is not counted because adapters are being packed. */
    private boolean waitsForPacking(double round) {
        boolean waits = activity.isPacking() && uncountedRounds < MAX_UNCOUNTED_ROUNDS;
        if (waits) {
            uncountedRounds += round;
        } else if (!activity.isPacking()) {
            uncountedRounds = Math.max(0, uncountedRounds - round);
        }
        return waits;
    }

    private void beginTrial(PreferredWidth preference, long nanos) {
        WidthTrial begun = new WidthTrial(preference, widths, turns);
        preference.schedule().trialBegins();
        trial = Optional.of(begun);
        waiting = Optional.of(new Wait(preference, begun.width(), nanos));
    }

    /** Ends the trial because the rows now have another preference, whose width is {@code nextWidth}. */
    private void leaveTrial(int nextWidth, Moment now) {
        PreferredWidth tried = trial.orElseThrow().preference();
        int widthBefore = tried.width();
        interrupt(now);
        if (tried.width() == widthBefore) {
            waiting = Optional.of(new Wait(tried, nextWidth, now.nanos()));
        }
    }

    /** Ends the trial, if there is one, because it cannot go on. */
    private void interrupt(Moment now) {
        trial.ifPresent(running -> {
            endWait(now.nanos());
            running.interrupt(now);
        });
        trial = Optional.empty();
        waiting = Optional.empty();
    }

    private Moment now(Turn turn) {
        return new Moment(turn.endNanos(), rounds);
    }

    private int widest() {
        return widths.get(widths.size() - 1);
    }
}
