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
 * <p>The waiting tasks belong to open requests, whose bytes are bounded. Thread-safe.
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

    /** @param priority the smallest is first */
    private record Task(String tenant, long priority, long number, long cost, Runnable work) {

        private static final Comparator<Task> ORDER =
                Comparator.comparingLong(Task::priority).thenComparingLong(Task::number);
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
     * @param task     throws no exception
     */
    public void execute(String tenant, int priority, long cost, Runnable task) {
        add(tenant, priority, cost, task);
    }

    /** Runs a short task before the other tasks of the tenant that wait. */
    public void executeFirst(String tenant, Runnable task) {
        add(tenant, Long.MIN_VALUE, 1, task);
    }

    private void add(String tenant, long priority, long cost, Runnable task) {
        synchronized (this) {
            order.add(tenant);
            waiting.computeIfAbsent(tenant, name -> new PriorityQueue<>(Task.ORDER))
                    .add(new Task(tenant, priority, added++, cost, task));
        }
        dispatch();
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
        return tenant.map(name -> {
            PriorityQueue<Task> own = waiting.get(name);
            Task task = own.remove();
            if (own.isEmpty()) {
                waiting.remove(name);
            }
            order.started(name, task.cost());
            running.add(name);
            freeThreads--;
            return task;
        });
    }

    private void run(Task task) {
        try {
            task.work().run();
        } finally {
            synchronized (this) {
                running.remove(task.tenant());
                freeThreads++;
            }
            dispatch();
        }
    }
}
