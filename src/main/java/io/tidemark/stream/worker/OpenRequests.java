package io.tidemark.stream.worker;

import io.tidemark.stream.worker.IncomingRequest.Position;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/** The requests that were read and not yet answered, by place and by id. Any thread may call. */
final class OpenRequests {

    private final Map<Position, CompletableFuture<Void>> byPosition = new ConcurrentHashMap<>();
    private final Map<String, Set<String>> engineIdsByRequest = new ConcurrentHashMap<>();
    private final Set<String> cancelled = ConcurrentHashMap.newKeySet();

    /** The answer that the place waits for; begins it when nobody does yet. */
    CompletableFuture<Void> join(Position position, Consumer<CompletableFuture<Void>> begin) {
        CompletableFuture<Void> fresh = new CompletableFuture<>();
        CompletableFuture<Void> earlier = byPosition.putIfAbsent(position, fresh);
        if (earlier != null) {
            return earlier;
        }
        fresh.whenComplete((answered, failed) -> byPosition.remove(position));
        begin.accept(fresh);
        return fresh;
    }

    void started(String requestId, String engineId) {
        engineIdsByRequest.compute(requestId, (id, engineIds) -> {
            Set<String> all = engineIds == null ? ConcurrentHashMap.newKeySet() : engineIds;
            all.add(engineId);
            return all;
        });
    }

    void ended(String requestId, String engineId) {
        engineIdsByRequest.computeIfPresent(requestId, (id, engineIds) -> {
            engineIds.remove(engineId);
            cancelled.remove(engineId);
            return engineIds.isEmpty() ? null : engineIds;
        });
    }

    /** Notes that these are to end early, those too that have not reached the engine. */
    Set<String> cancel(String requestId) {
        engineIdsByRequest.computeIfPresent(requestId, (id, engineIds) -> {
            cancelled.addAll(engineIds);
            return engineIds;
        });
        return engineIds(requestId);
    }

    /** Notes that this one is to end early. */
    void cancel(String engineId, String requestId) {
        engineIdsByRequest.computeIfPresent(requestId, (id, engineIds) -> {
            cancelled.add(engineId);
            return engineIds;
        });
    }

    boolean isCancelled(String engineId) {
        return cancelled.contains(engineId);
    }

    Set<String> engineIds(String requestId) {
        return Set.copyOf(engineIdsByRequest.getOrDefault(requestId, Set.of()));
    }

    List<String> engineIds() {
        return engineIdsByRequest.values().stream().flatMap(Set::stream).toList();
    }

    CompletableFuture<Void> allAnswered() {
        return CompletableFuture.allOf(byPosition.values().toArray(CompletableFuture[]::new));
    }

    int size() {
        return byPosition.size();
    }
}
