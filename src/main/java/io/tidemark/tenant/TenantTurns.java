package io.tidemark.tenant;

import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jboss.logging.Logger;

/**
 * Runs tasks of tenants on some threads: at most one task of a tenant at a time, and the tenants in the order of {@link
 * TenantOrder}. With T threads, the tasks of T - 1 tenants delay no task of another one, however many and however slow
 * they are. The tasks of one tenant run by priority, and those of equal priority in the order in which they came.
 *
 * <p>The waiting tasks belong to open requests, whose bytes are bounded; {@link Task#remove} removes that of a request
 * that has ended. Thread-safe.
 */
public final class TenantTurns {

    private static final Logger LOG = Logger.getLogger(TenantTurns.class);

    private final Executor threads;
    private final TenantOrder order;

    // guarded by this object, as is the order
    private int freeThreads;
    private long added;
    private final Map<String, PriorityQueue<Task>> waiting = new HashMap<>();
    /** The tenants of which a task runs. */
    private final Set<String> running = new HashSet<>();

    /** A task that waits for its turn, runs or has ended. */
    public final class Task {

        private static final Comparator<Task> ORDER =
                Comparator.comparingLong((Task task) -> task.priority).thenComparingLong(task -> task.number);

        private final String tenant;
        private final long number;
        private final long cost;
        private final Runnable work;
        private long priority;

        private Task(String tenant, long priority, long number, long cost, Runnable work) {
            this.tenant = tenant;
            this.priority = priority;
            this.number = number;
            this.cost = cost;
            this.work = work;
        }

        /** Puts the task before the other tasks of its tenant if it waits. */
        public void first() {
            synchronized (TenantTurns.this) {
                if (dequeue()) {
                    priority = Long.MIN_VALUE;
                    enqueue();
                }
            }
        }

        /** Removes the task if it waits. */
        public void remove() {
            synchronized (TenantTurns.this) {
                dequeue();
            }
        }

        private void enqueue() {
            waiting.computeIfAbsent(tenant, name -> new PriorityQueue<>(ORDER)).add(this);
        }

        private boolean dequeue() {
            PriorityQueue<Task> own = waiting.get(tenant);
            boolean removed = own != null && own.remove(this);
            if (removed && own.isEmpty()) {
                waiting.remove(tenant);
            }
            return removed;
        }
    }

    /** Threads for tasks of tenants, in turn. */
    public TenantTurns(Executor threads, int number, TenantWeights weights) {
        this.threads = threads;
        this.freeThreads = number;
        this.order = new TenantOrder(weights);
    }

    /**
     * Runs a task when its turn has come.
     *
     * @param priority among the tasks of the tenant; the smallest is first
     * @param cost     what the task costs in relation to others, above 0; tenants share the cost by weight
     * @param work     throws no exception
     */
    public Task execute(String tenant, int priority, long cost, Runnable work) {
        return add(tenant, priority, cost, work);
    }

    /** Executes a task as {@link #execute} does, before the other tasks of the tenant that wait. */
    public Task executeFirst(String tenant, long cost, Runnable work) {
        return add(tenant, Long.MIN_VALUE, cost, work);
    }

    private Task add(String tenant, long priority, long cost, Runnable work) {
        Task task;
        synchronized (this) {
            order.add(tenant);
            task = new Task(tenant, priority, added++, cost, work);
            task.enqueue();
        }
        dispatch();
        return task;
    }

    /** Starts tasks while a thread is free. */
    private void dispatch() {
        for (Optional<Task> next = take(); next.isPresent(); next = take()) {
            Task task = next.get();
            try {
                threads.execute(() -> run(task));
            } catch (RejectedExecutionException e) {
                LOG.debugf("the worker has been closed: %s", e.getMessage());
                return;
            }
        }
    }

    private synchronized Optional<Task> take() {
        if (freeThreads == 0) {
            return Optional.empty();
        }
        Optional<String> tenant = order.next(each -> waiting.containsKey(each) && !running.contains(each));
        if (tenant.isEmpty()) {
            return Optional.empty();
        }
        Task task = waiting.get(tenant.get()).element();
        task.dequeue();
        order.started(task.tenant, task.cost);
        running.add(task.tenant);
        freeThreads--;
        return Optional.of(task);
    }

    private void run(Task task) {
        try {
            task.work.run();
        } finally {
            synchronized (this) {
                running.remove(task.tenant);
                freeThreads++;
            }
            dispatch();
        }
    }
}
