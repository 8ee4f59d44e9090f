package io.tidemark.generation;

import io.tidemark.generation.layout.GroupWidth;
import io.tidemark.generation.layout.GroupWidth.Turn;
import io.tidemark.generation.layout.InstanceGroup;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;

/**
 * Decides which thread of the engine runs the turns of which instances. The state of an instance is touched by one
 * thread at a time: its own while groups have one instance, else the thread of the first instance of its group. The
 * threads of the others are parked.
 *
 * <pre>
 *             ┌── enter: an instance of the group has work ──▶ in a turn ──┐
 *   waits or parked                                                        │
 *             └────────────────────── leave ◀──────────────────────────────┘
 * </pre>
 *
 * <p>{@link GroupWidth} chooses the width of the groups after each turn. Another width takes effect when no thread is
 * in a turn; until then no turn starts, and the change may be withdrawn. A parked thread runs no command: its instance
 * has work for the thread of the group. After {@link #close}, a thread gets its own instance back as soon as no turn
 * touches it.
 *
 * <p>While the groups are paused, no turn starts. {@link GroupWidth} has a clock that stands still meanwhile.
 *
 * <p>Thread-safe.
 */
final class InstanceGroups {

    private final int instances;
    private final GroupWidth choice;
    private final ReentrantLock lock = new ReentrantLock();
    /** One for each thread, signalled when it may have a turn. */
    private final Condition[] mayEnter;
    /** Signalled when no thread is in a turn. */
    private final Condition noTurns = lock.newCondition();
    /** By instance: it has work, or may have. */
    private final boolean[] ready;
    /** By thread: it is in a turn. */
    private final boolean[] inTurn;
    /** By instance: when its last turn ended. */
    private final long[] endNanos;

    private int turns;
    private int width;
    /** Differs from {@code width} while a change waits for turns to end. */
    private int nextWidth;

    private int changes;

    private boolean paused;
    /** When the last turn before the last pause had ended. */
    private long pausedSince;
    /** When the last pause ended. */
    private long resumedNanos;
    /** Duration of all earlier pauses. */
    private long pausedNanos;

    private boolean closed;

    /**
     * A turn that a thread may run: it touches the state of these instances until {@link #leave}.
     *
     * @param width   width of all groups
     * @param changes number of changes of the width before this turn
     */
    record Granted(int width, int changes, InstanceGroup group) {}

    InstanceGroups(int instances, GroupWidth choice) {
        this.instances = instances;
        this.choice = choice;
        this.width = choice.start();
        this.nextWidth = width;
        this.mayEnter =
                IntStream.range(0, instances).mapToObj(i -> lock.newCondition()).toArray(Condition[]::new);
        this.ready = new boolean[instances];
        this.inTurn = new boolean[instances];
        this.endNanos = new long[instances];
        this.resumedNanos = System.nanoTime();
    }

    /**
     * Waits until the thread of an instance may run a turn. An interrupt closes the groups.
     *
     * @param onPark called once, without a lock, if the thread is parked or the groups are paused; not if it only waits
     *               for work
     * @return empty if the groups are closed and no other thread touches this instance any more
     */
    Optional<Granted> enter(int thread, Runnable onPark) {
        lock.lock();
        try {
            boolean called = false;
            while (true) {
                InstanceGroup group = InstanceGroup.of(thread, width, instances);
                if (closed) {
                    if (!inTurn[group.first()]) {
                        return Optional.empty();
                    }
                } else if (!called && (paused || group.first() != thread)) {
                    called = true;
                    callWithoutLock(onPark);
                    // the state may have changed meanwhile
                    continue;
                } else if (!paused && nextWidth == width && group.first() == thread && isReady(group)) {
                    for (int i = group.first(); i < group.end(); i++) {
                        ready[i] = false;
                    }
                    inTurn[thread] = true;
                    turns++;
                    choice.begins(group);
                    return Optional.of(new Granted(width, changes, group));
                }
                await(thread);
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Ends a turn. Instances that are active get another one.
     *
     * @return whether another width is chosen for the next turns
     */
    boolean leave(Turn turn) {
        lock.lock();
        try {
            for (int i = 0; i < turn.work().size(); i++) {
                ready[turn.group().first() + i] |= turn.work().get(i).active();
                endNanos[turn.group().first() + i] = turn.endNanos();
            }
            int pending = nextWidth;
            nextWidth = choice.next(turn.earlier(pausedNanos));
            if (nextWidth == width && pending != width) {
                // threads that have waited for the change may have turns again
                signalAll();
            }
            endTurn(turn.group().first());
            return nextWidth != turn.width();
        } finally {
            lock.unlock();
        }
    }

    /** Ends the turn of a thread that has failed, and closes the groups. */
    void fail(int thread) {
        lock.lock();
        try {
            closed = true;
            if (inTurn[thread]) {
                endTurn(thread);
            }
            signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Gives an instance a turn, because it may have work. */
    void wake(int instance) {
        lock.lock();
        try {
            ready[instance] = true;
            mayEnter[InstanceGroup.of(instance, width, instances).first()].signal();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until no thread is in a turn. No turn starts until {@link #resume}. Called by one thread, in turn with it.
     *
     * @return {@link System#nanoTime} when the instances that have work ended their last turns, on average; instances
     *     without a turn since the last pause do not count, and if there are no others, it is the present time
     */
    long pause() {
        lock.lock();
        try {
            paused = true;
            // idle threads learn of it
            signalAll();
            while (turns > 0) {
                noTurns.awaitUninterruptibly();
            }
            long now = System.nanoTime();
            pausedSince = now;
            return now
                    + (long) IntStream.range(0, instances)
                            .filter(i -> ready[i] && endNanos[i] - resumedNanos >= 0)
                            .mapToLong(i -> endNanos[i] - now)
                            .average()
                            .orElse(0);
        } finally {
            lock.unlock();
        }
    }

    /** Lets turns start again. */
    void resume() {
        lock.lock();
        try {
            paused = false;
            resumedNanos = System.nanoTime();
            pausedNanos += resumedNanos - pausedSince;
            signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Ends the turns: threads that run one finish it. */
    void close() {
        lock.lock();
        try {
            closed = true;
            signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void endTurn(int thread) {
        inTurn[thread] = false;
        turns--;
        if (turns == 0) {
            noTurns.signalAll();
        }
        if (closed) {
            signalAll();
        } else if (turns == 0 && nextWidth != width) {
            width = nextWidth;
            changes++;
            signalAll();
        }
    }

    private boolean isReady(InstanceGroup group) {
        for (int i = group.first(); i < group.end(); i++) {
            if (ready[i]) {
                return true;
            }
        }
        return false;
    }

    private void callWithoutLock(Runnable callback) {
        lock.unlock();
        try {
            callback.run();
        } finally {
            lock.lock();
        }
    }

    private void await(int thread) {
        try {
            mayEnter[thread].await();
        } catch (InterruptedException e) {
            closed = true;
            signalAll();
        }
    }

    private void signalAll() {
        for (Condition each : mayEnter) {
            each.signal();
        }
    }
}
