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
 * <p>Thread-safe.
 */
final class InstanceGroups {

    private final int instances;
    private final GroupWidth choice;
    private final ReentrantLock lock = new ReentrantLock();
    /** One for each thread, signalled when it may have a turn. */
    private final Condition[] mayEnter;
    /** By instance: it has work, or may have. */
    private final boolean[] ready;
    /** By thread: it is in a turn. */
    private final boolean[] inTurn;

    private int turns;
    private int width;
    /** Differs from {@code width} while a change waits for turns to end. */
    private int nextWidth;

    private int changes;

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
    }

    /**
     * Waits until the thread of an instance may run a turn. An interrupt closes the groups.
     *
     * @return empty if the groups are closed and no other thread touches this instance any more
     */
    Optional<Granted> enter(int thread) {
        lock.lock();
        try {
            while (true) {
                InstanceGroup group = InstanceGroup.of(thread, width, instances);
                if (closed) {
                    if (!inTurn[group.first()]) {
                        return Optional.empty();
                    }
                } else if (nextWidth == width && group.first() == thread && isReady(group)) {
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
            }
            int pending = nextWidth;
            nextWidth = choice.next(turn);
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
