package io.tidemark.cli.adapters;

import io.tidemark.cli.adapters.NameOnWorker.Progress;
import io.tidemark.client.WorkerStates;
import io.tidemark.client.WorkerStates.Worker;
import io.tidemark.message.AdapterRecord.Stored;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;

/**
 * How far the live workers with the base model of an adapter are with its record. Workers with another base model are
 * left out: they ignore the record.
 */
public record Rollout(List<NameOnWorker> workers) {

    public Rollout {
        workers = List.copyOf(workers);
    }

    /**
     * Waits until each worker has the record or can't have it.
     *
     * @return the state then, or that at the limit
     */
    public static Rollout await(WorkerStates states, String name, Stored record, long offset, Duration limit) {
        return of(states.await(workers -> of(workers, name, record, offset).isDecided(), limit), name, record, offset);
    }

    static Rollout of(List<Worker> workers, String name, Stored record, long offset) {
        return new Rollout(workers.stream()
                .filter(Worker::live)
                .filter(worker -> worker.liveBase()
                        .filter(base -> !base.digest().equals(record.base()))
                        .isEmpty())
                .map(worker -> NameOnWorker.of(worker, name, OptionalLong.of(offset)))
                .map(each -> record.options().pinned() ? each.requireLoaded() : each)
                .toList());
    }

    /** Whether there is a worker, and nothing is left to wait for. */
    boolean isDecided() {
        return !workers.isEmpty() && !has(Progress.PENDING);
    }

    boolean hasFailed() {
        return has(Progress.FAILED);
    }

    private boolean has(Progress progress) {
        return workers.stream().anyMatch(worker -> worker.progress() == progress);
    }
}
