package io.tidemark.time;

import java.time.Duration;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How long activities have run, counted in ticks of one second. The caller ticks a second after the end of the previous
 * tick. A late tick counts once. Therefore the time during which the whole process was suspended does not count, nor
 * does most of the time for which it got no processor.
 *
 * <p>An activity has run at least as long as this class says. Activities are compared by identity. Thread-safe.
 *
 * @param <A> what is running; a new object for each activity
 */
public final class RunningTime<A> {

    /** What a tick counts for. */
    public static final Duration TICK = Duration.ofSeconds(1);

    private Map<A, Integer> ticks = new IdentityHashMap<>();
    /** How many ticks the longest ended activity has run; -1 if none has ended. */
    private int longestEnded = -1;

    /** A tick. An activity that the previous tick did not have starts at 0. */
    public synchronized void tick(Collection<? extends A> running) {
        Map<A, Integer> next = new IdentityHashMap<>();
        for (A activity : running) {
            Integer earlier = ticks.remove(activity);
            next.put(activity, earlier == null ? 0 : earlier + 1);
        }
        ticks.values().forEach(ended -> longestEnded = Math.max(longestEnded, ended));
        ticks = next;
    }

    /** How long an activity has run; 0 if the last tick did not have it. */
    public synchronized Duration of(A activity) {
        return TICK.multipliedBy(ticks.getOrDefault(activity, 0));
    }

    /** The activities that have run this long or longer. */
    public synchronized List<A> since(Duration duration) {
        return ticks.keySet().stream()
                .filter(activity -> of(activity).compareTo(duration) >= 0)
                .toList();
    }

    /** How long the oldest activity has run; 0 if there is none. */
    public synchronized Duration oldest() {
        return TICK.multipliedBy(
                ticks.values().stream().mapToInt(Integer::intValue).max().orElse(0));
    }

    /** How long the longest of the activities that have ended has run; empty if a tick has seen none that has ended. */
    public synchronized Optional<Duration> longestEnded() {
        return longestEnded < 0 ? Optional.empty() : Optional.of(TICK.multipliedBy(longestEnded));
    }
}
