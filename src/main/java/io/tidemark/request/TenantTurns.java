package io.tidemark.request;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jboss.logging.Logger;

/**
 * Runs tasks of tenants on some threads: one of a tenant at a time, in order, and the tenants in turn. With T threads,
 * the tasks of T - 1 tenants delay no task of another one, however many and however slow they are.
 *
 * <p>The waiting tasks belong to open requests, whose bytes are bounded. Thread-safe.
 */
final class TenantTurns {

    private static final Logger LOG = Logger.getLogger(TenantTurns.class);

    private final Executor threads;

    /** The tasks that have not ended, by tenant; the first runs or has its place in the queue of the threads. */
    private final Map<String, Deque<Runnable>> tasks = new HashMap<>();

    /** @param threads run tasks in the order in which they come */
    TenantTurns(Executor threads) {
        this.threads = threads;
    }

    /** @param task throws no exception */
    void execute(String tenant, Runnable task) {
        boolean first;
        synchronized (tasks) {
            Deque<Runnable> own = tasks.computeIfAbsent(tenant, name -> new ArrayDeque<>());
            own.add(task);
            first = own.size() == 1;
        }
        if (first) {
            takePlace(tenant);
        }
    }

    private void takePlace(String tenant) {
        try {
            threads.execute(() -> runFirst(tenant));
        } catch (RejectedExecutionException e) {
            LOG.debugf("the worker has been closed: %s", e.getMessage());
        }
    }

    private void runFirst(String tenant) {
        Runnable first;
        synchronized (tasks) {
            first = tasks.get(tenant).element();
        }
        try {
            first.run();
        } finally {
            if (hasMore(tenant)) {
                takePlace(tenant);
            }
        }
    }

    private boolean hasMore(String tenant) {
        synchronized (tasks) {
            Deque<Runnable> own = tasks.get(tenant);
            own.remove();
            if (own.isEmpty()) {
                tasks.remove(tenant);
                return false;
            }
            return true;
        }
    }
}
