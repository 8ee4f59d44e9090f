package io.tidemark.generation;

import io.tidemark.model.DecoderFailed;
import io.tidemark.model.KvPool;
import io.tidemark.model.KvSlot;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Requests that wait to run, admitted first come, first served: one that finds no slot or no memory waits, and nobody
 * overtakes it, so that a large request is never starved. Belongs to the engine's thread.
 */
final class AdmissionQueue {

    private final EngineLimits limits;
    private final KvPool pool;
    private final Deque<RunningRequest> waiting = new ArrayDeque<>();

    /** A request that may run, with a slot for each of its choices. */
    record Admitted(RunningRequest request, List<KvSlot> slots) {
    }

    AdmissionQueue(EngineLimits limits, KvPool pool) {
        this.limits = limits;
        this.pool = pool;
    }

    void add(RunningRequest request) {
        waiting.add(request);
    }

    int size() {
        return waiting.size();
    }

    /** Takes the oldest request if it fits beside so many rows. */
    Optional<Admitted> next(int runningRows) {
        while (!waiting.isEmpty()) {
            try {
                return slots(waiting.peek().request(), runningRows).map(slots -> new Admitted(waiting.remove(), slots));
            } catch (DecoderFailed e) {
                // The budget allowed what the device's memory did not.
                waiting.remove().failed("engine_error", "there was no memory for keys and values");
            }
        }
        return Optional.empty();
    }

    /** Takes out those that match. */
    List<RunningRequest> remove(Predicate<RunningRequest> which) {
        List<RunningRequest> removed = waiting.stream().filter(which).toList();
        waiting.removeAll(removed);
        return removed;
    }

    /** A slot for each choice, or none at all. */
    private Optional<List<KvSlot>> slots(GenerationRequest request, int runningRows) {
        return runningRows + request.choices() > limits.slots() ? Optional.empty() : SlotReservation.of(request, pool);
    }
}
