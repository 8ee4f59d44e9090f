package io.tidemark.generation.layout;

import io.tidemark.generation.layout.RecentTurns.Gains;
import io.tidemark.generation.layout.TurnDurations.Change;
import java.util.HashMap;
import java.util.Map;

/**
 * The width that is used for a number of rows, and when the next smaller or larger one is tried. Widths are indices of
 * {@link EngineLayout#groupWidths}.
 *
 * <p>No clock and no threads.
 */
final class PreferredWidth {

    /** The share of turns with prompt tokens is a mean over about this time. */
    private static final double SHARE_NANOS = 60e9;
    /** A turn counts at most as this part of that time. */
    private static final double MAX_SHARE_OF_TURN = 0.1;

    /** What the layout and the number of rows suggest. */
    private final int initial;

    private final int widths;
    private final TrialSchedule schedule = new TrialSchedule();
    /** By narrow width: how much faster the next wider one was in recent trials. */
    private final Map<Integer, TrialGains> gains = new HashMap<>();

    private int width;
    /** 1 if the next trial is of the next larger width, -1 if of the next smaller one. */
    private int direction = 1;
    /** Trials of a width nearer to the initial one that have been lost since the last change of the width. */
    private int lostTowardsInitial;
    /** The recent time of turns of this width, and the part of it in which an instance had prompt tokens. */
    private double recentNanos;

    private double promptNanos;
    /** How turns of this width have changed since the last round of it; perhaps noticed during a trial. */
    private Change change = Change.NONE;

    /**
     * @param initial what the layout and the number of rows suggest
     * @param width   the width that is used at first
     * @param widths  the number of widths
     */
    PreferredWidth(int initial, int width, int widths) {
        this.initial = initial;
        this.width = width;
        this.widths = widths;
    }

    int width() {
        return width;
    }

    int initial() {
        return initial;
    }

    TrialSchedule schedule() {
        return schedule;
    }

    /** How much faster the width after {@code narrow} was in recent trials. */
    TrialGains gains(int narrow) {
        return gains.computeIfAbsent(narrow, first -> new TrialGains());
    }

    int widthOfNextTrial() {
        int other = width + direction;
        return other >= 0 && other < widths ? other : width - direction;
    }

    /** The durations of turns have changed. {@link #turnEnds} handles it. */
    void durationsChange(Change how) {
        change = how;
    }

    /**
     * Counts a turn of this width outside trials, or handles a change of the durations.
     *
     * @param round   the part of a round that the turn was
     * @param seconds duration of the turn
     */
    void turnEnds(double round, double seconds) {
        if (change == Change.NONE) {
            schedule.turnEnds(round, seconds);
            return;
        }
        gains.values().forEach(TrialGains::durationsChange);
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

    /** Adds a turn of this width, outside trials, to the share of turns with prompt tokens. */
    void addTime(double turnNanos, boolean prompt) {
        double counted = Math.min(turnNanos, MAX_SHARE_OF_TURN * SHARE_NANOS);
        double kept = Math.exp(-counted / SHARE_NANOS);
        recentNanos = kept * recentNanos + counted;
        promptNanos = kept * promptNanos + (prompt ? counted : 0);
    }

    /** The part of the recent time of turns in which an instance had prompt tokens. */
    double promptShare() {
        return promptNanos / Math.max(1, recentNanos);
    }

    /** Whether {@code other} is nearer to the initial width than the preferred one. */
    boolean isTowardsInitial(int other) {
        return Math.abs(other - initial) < Math.abs(width - initial);
    }

    /** Makes the width that a trial has favoured the preferred one, and converts the recent times to it. */
    void changeTo(int other) {
        Gains ofWide = gains(Math.min(width, other)).means();
        int sign = other > width ? -1 : 1;
        double otherNanos =
                (recentNanos - promptNanos) * Math.exp(sign * ofWide.others().orElse(0));
        promptNanos *= Math.exp(sign * ofWide.prompts().orElse(0));
        recentNanos = promptNanos + otherNanos;
        direction = Integer.signum(other - width);
        width = other;
        lostTowardsInitial = 0;
        change = Change.NONE;
        schedule.widthChanges();
    }

    /**
     * A trial of {@code other} has ended and has not favoured it. If {@code other} is nearer to the initial width, the
     * first trials of it follow each other soon: the host may have slowed its turns for some seconds only. Otherwise
     * the next trial is of the width on the other side, if there is one.
     */
    void trialIsLost(int other) {
        boolean isRetried = isTowardsInitial(other) && schedule.retry(lostTowardsInitial);
        if (isRetried) {
            lostTowardsInitial++;
        } else {
            direction = -direction;
        }
    }

    /** A trial of {@code other} has ended without a result. */
    void trialDrops(int other) {
        schedule.trialDrops();
        if (isTowardsInitial(other)) {
            schedule.retry(lostTowardsInitial);
        }
    }

    /** Begins new means, so that the next change of the width needs as many trials as the first one. */
    void restartGains() {
        gains.values().forEach(TrialGains::restart);
    }
}
