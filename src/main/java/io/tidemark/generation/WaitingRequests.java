package io.tidemark.generation;

import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

/**
 * The waiting requests, and the order in which they start.
 *
 * <p>The smallest priority starts first. Among requests of one priority, the tenants take turns, and the adapters of a
 * tenant take turns in the same way, so that many requests of one tenant or for one adapter do not delay the others.
 * The base model counts as an adapter, and so does each loaded version of an adapter. A tenant or adapter that starts
 * waiting has its turn after those that wait already. Requests of one priority, tenant and adapter start in the order
 * of their submission.
 *
 * <p>Every {@code STARTS_PER_OLDEST}-th start takes the oldest request, whatever its priority and adapter, so that no
 * request is starved. A request that is added when {@code n} others wait is therefore at the latest the
 * {@code STARTS_PER_OLDEST * (n + 1)}-th one to start from then on. {@code n + 1} of these starts take the oldest
 * request, and at most {@code n} requests are older.
 *
 * <p>The time of a call does not depend on the number of requests, except for {@link #removeIf} and {@link #sum}, and
 * is logarithmic in the number of different priorities. Not thread-safe.
 */
final class WaitingRequests {

    static final int STARTS_PER_OLDEST = 8;

    /** The waiting requests, the oldest first. */
    private final Set<SubmittedRequest> bySubmission = new LinkedHashSet<>();
    /** The requests of each priority; no group is empty. */
    private final NavigableMap<Integer, Turns> turns = new TreeMap<>();
    /** How many requests have started by priority since the oldest one was taken. */
    private int startsByPriority;

    /** Requests of one priority by tenant and adapter, each in the order of their turns. No group is empty. */
    private static final class Turns {

        private final Map<String, Map<Optional<LoraWeights>, Set<SubmittedRequest>>> tenants = new LinkedHashMap<>();

        private void add(SubmittedRequest request) {
            tenants.computeIfAbsent(request.request().tenant(), any -> new LinkedHashMap<>())
                    .computeIfAbsent(request.request().lora(), any -> new LinkedHashSet<>())
                    .add(request);
        }

        private SubmittedRequest next() {
            return first(first(tenants.values()).values()).iterator().next();
        }

        private void remove(SubmittedRequest request) {
            tenants.computeIfPresent(request.request().tenant(), (tenant, adapters) -> {
                adapters.computeIfPresent(request.request().lora(), (lora, group) -> {
                    group.remove(request);
                    return group.isEmpty() ? null : group;
                });
                return adapters.isEmpty() ? null : adapters;
            });
        }

        /** Ends the turn of the tenant of a request, and of its adapter. */
        private void endTurn(EngineRequest request) {
            Optional.ofNullable(tenants.get(request.tenant())).ifPresent(adapters -> {
                moveToEnd(adapters, request.lora());
                moveToEnd(tenants, request.tenant());
            });
        }

        private static <T> T first(Collection<T> values) {
            return values.iterator().next();
        }

        private static <K, V> void moveToEnd(Map<K, V> map, K key) {
            if (map.containsKey(key)) {
                map.put(key, map.remove(key));
            }
        }
    }

    void add(SubmittedRequest request) {
        bySubmission.add(request);
        turns.computeIfAbsent(request.request().priority(), any -> new Turns()).add(request);
    }

    int size() {
        return bySubmission.size();
    }

    double sum(ToDoubleFunction<SubmittedRequest> value) {
        return bySubmission.stream().mapToDouble(value).sum();
    }

    /** The request that starts next; empty if none waits. */
    Optional<SubmittedRequest> next() {
        if (bySubmission.isEmpty()) {
            return Optional.empty();
        }
        if (startsByPriority == STARTS_PER_OLDEST - 1) {
            return Optional.of(bySubmission.iterator().next());
        }
        return Optional.of(turns.firstEntry().getValue().next());
    }

    /** Removes a request that starts, and ends the turn of its tenant and adapter. */
    void start(SubmittedRequest request) {
        remove(request);
        startsByPriority = (startsByPriority + 1) % STARTS_PER_OLDEST;
        Optional.ofNullable(turns.get(request.request().priority()))
                .ifPresent(others -> others.endTurn(request.request()));
    }

    /** Removes a request that does not start. */
    void remove(SubmittedRequest request) {
        bySubmission.remove(request);
        turns.computeIfPresent(request.request().priority(), (priority, others) -> {
            others.remove(request);
            return others.tenants.isEmpty() ? null : others;
        });
    }

    /** Removes and returns the matching requests, the oldest first. */
    List<SubmittedRequest> removeIf(Predicate<SubmittedRequest> which) {
        List<SubmittedRequest> removed = new ArrayList<>();
        bySubmission.forEach(request -> {
            if (which.test(request)) {
                removed.add(request);
            }
        });
        removed.forEach(this::remove);
        return removed;
    }
}
