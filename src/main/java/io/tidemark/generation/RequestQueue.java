package io.tidemark.generation;

import io.tidemark.decoder.kvcache.PrefixCache;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/**
 * The waiting requests, and the assignment of each to an engine instance. Requests start first come, first served. A request
 * for which there is no slot or no memory waits, and no later one overtakes it, so a large request is never starved.
 *
 * <p>A request goes to the instance with the lowest load: its rows, plus its rows and one more for each piece of background work.
 * An instance with at most a quarter more load is preferred if it ran a prompt with the same first {@code PREFIX_TOKENS} tokens,
 * adapter and boundary, or else if it runs the same adapter.
 *
 * <p>An instance takes requests between two steps: {@link #offer} returns the oldest request to the instance that is to run it.
 * That instance reserves memory and calls {@link #accept}, or {@link #refuse} when there is not enough. Safe for use by several
 * threads.
 */
final class RequestQueue {

    /** A preferred instance has at most 1/{@code MAX_EXTRA_LOAD_DIVISOR} more load, rounded down, than the least loaded one. */
    private static final int MAX_EXTRA_LOAD_DIVISOR = 4;
    /** Prompts that begin alike are recognised by so many tokens, as many as are kept together. */
    private static final int PREFIX_TOKENS = PrefixCache.CHUNK;

    private static final int REMEMBERED_PREFIXES = 1024;
    private static final int NONE = -1;

    private final int slots;
    private final boolean prefixes;
    private final IntConsumer wake;
    private final Instance[] instances;
    private final Deque<RunningRequest> waiting = new ArrayDeque<>();
    /** Where prompts that begin so were run last; the one used longest ago first. */
    private final Map<Prefix, BitSet> prefixInstances = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Prefix, BitSet> eldest) {
            return size() > REMEMBERED_PREFIXES;
        }
    };

    private int rows;
    /** The instance to which the oldest request is offered; -1 when it is offered to none. */
    private int offeredTo = NONE;

    private long neededBytes;
    private boolean closed;

    /** What the queue knows of an engine instance. */
    private static final class Instance {
        private final Map<LoraWeights, Integer> adapters = new HashMap<>();
        private int rows;
        /** Pieces of work between its steps. */
        private int background;
        /** It had no memory for the oldest request. */
        private boolean refused;

        private int load() {
            return rows + background * (rows + 1);
        }
    }

    private record Prefix(PrefixCache.Scope owner, List<Integer> tokens) {}

    /**
     * @param wake wakes an instance that has no work, from any thread; an instance that has work may ignore it
     */
    RequestQueue(EngineLimits limits, int instances, IntConsumer wake) {
        this.slots = limits.maxNumSeqs();
        this.prefixes = limits.prefixBytes() > 0;
        this.wake = wake;
        this.instances = new Instance[instances];
        for (int i = 0; i < instances; i++) {
            this.instances[i] = new Instance();
        }
    }

    /** @throws IllegalStateException when the queue is closed */
    synchronized void add(RunningRequest request) {
        if (closed) {
            throw new IllegalStateException("the engine is closed");
        }
        waiting.add(request);
        wakeNext();
    }

    synchronized int size() {
        return waiting.size();
    }

    synchronized int rows() {
        return rows;
    }

    /**
     * The oldest request, if this instance is the one to run it now. {@link #accept}, {@link #refuse} or {@link #drop} must
     * follow; until then no instance is offered another.
     */
    synchronized Optional<RunningRequest> offer(int instance) {
        if (closed || offeredTo != NONE || instanceForOldest() != instance) {
            return Optional.empty();
        }
        offeredTo = instance;
        return Optional.of(waiting.peek());
    }

    /** The instance has died: what it was offered waits again. */
    synchronized void withdraw(int instance) {
        if (offeredTo == instance) {
            offeredTo = NONE;
        }
    }

    /** The offered request runs in this instance; a row of each of its choices counts from now on. */
    synchronized void accept(int instance) {
        RunningRequest request = takeOffered();
        int choices = request.request().params().choices();
        instances[instance].rows += choices;
        rows += choices;
        request.request().lora().ifPresent(lora -> instances[instance].adapters.merge(lora, choices, Integer::sum));
        prefix(request)
                .ifPresent(prefix -> prefixInstances
                        .computeIfAbsent(prefix, any -> new BitSet())
                        .set(instance));
        wakeNext();
    }

    /** The offered request does not fit this instance's memory now; others are asked. */
    synchronized void refuse(int instance, long bytes) {
        offeredTo = NONE;
        instances[instance].refused = true;
        neededBytes = bytes;
        wakeNext();
        for (int other = 0; other < instances.length; other++) {
            if (other != instance) {
                // it may have memory that it does not use
                wake.accept(other);
            }
        }
    }

    /** The offered request leaves the queue without running. */
    synchronized void drop() {
        takeOffered();
        wakeNext();
    }

    /** A row of an instance has ended, and its slot is free. */
    synchronized void rowEnded(int instance, Optional<LoraWeights> lora) {
        instances[instance].rows--;
        rows--;
        lora.ifPresent(weights ->
                instances[instance].adapters.computeIfPresent(weights, (same, count) -> count == 1 ? null : count - 1));
        memoryFreed();
    }

    /** Bytes that the oldest request lacks; 0 when it lacks none. Instances should free what they don't use. */
    synchronized long neededBytes() {
        return neededBytes;
    }

    /** Memory has become free: the oldest request is offered to all instances again. */
    synchronized void memoryFreed() {
        clearRefusals();
        wakeNext();
    }

    /** The instance that is to run more background work, which counts from now on: with the least work, and of several the last. */
    synchronized int startBackground() {
        int best = instances.length - 1;
        for (int i = best - 1; i >= 0; i--) {
            if (instances[i].load() < instances[best].load()) {
                best = i;
            }
        }
        instances[best].background++;
        wakeNext();
        return best;
    }

    synchronized void backgroundEnded(int instance) {
        instances[instance].background--;
        wakeNext();
    }

    /** Whether no other instance has work. */
    synchronized boolean isAlone(int instance) {
        for (int i = 0; i < instances.length; i++) {
            if (i != instance && instances[i].load() > 0) {
                return false;
            }
        }
        return true;
    }

    /** Takes matching requests out, and marks a matching one that is just offered as cancelled. */
    synchronized List<RunningRequest> cancel(Predicate<RunningRequest> which, FinishReason reason) {
        if (offeredTo != NONE && which.test(waiting.peek())) {
            waiting.peek().cancel(reason);
        }
        return remove(which);
    }

    /** Takes no more and offers no more, and takes out all that wait but the one that is just offered. */
    synchronized List<RunningRequest> close() {
        closed = true;
        return remove(request -> true);
    }

    private List<RunningRequest> remove(Predicate<RunningRequest> which) {
        Optional<RunningRequest> kept = Optional.ofNullable(waiting.peek()).filter(oldest -> offeredTo != NONE);
        List<RunningRequest> removed = waiting.stream()
                .filter(which)
                .filter(request -> kept.filter(oldest -> oldest == request).isEmpty())
                .toList();
        if (removed.contains(waiting.peek())) {
            clearRefusals();
        }
        waiting.removeAll(removed);
        wakeNext();
        return removed;
    }

    private RunningRequest takeOffered() {
        offeredTo = NONE;
        clearRefusals();
        return waiting.remove();
    }

    private void clearRefusals() {
        neededBytes = 0;
        for (Instance instance : instances) {
            instance.refused = false;
        }
    }

    private void wakeNext() {
        int next = offeredTo == NONE ? instanceForOldest() : NONE;
        if (next != NONE) {
            wake.accept(next);
        }
    }

    /** Where the oldest request is to run; NONE when it has to wait, or there is none. */
    private int instanceForOldest() {
        RunningRequest request = waiting.peek();
        if (request == null || rows + request.request().params().choices() > slots) {
            return NONE;
        }
        int emptiest = emptiest(each -> true);
        if (emptiest == NONE) {
            return NONE;
        }
        int least = instances[emptiest].load();
        IntPredicate balanced = i -> instances[i].load() <= least + least / MAX_EXTRA_LOAD_DIVISOR;
        int keeping = prefix(request)
                .map(prefixInstances::get)
                .map(at -> emptiest(i -> at.get(i) && balanced.test(i)))
                .orElse(NONE);
        if (keeping != NONE) {
            return keeping;
        }
        int running = request.request()
                .lora()
                .map(lora -> emptiest(i -> instances[i].adapters.containsKey(lora) && balanced.test(i)))
                .orElse(NONE);
        return running != NONE ? running : emptiest;
    }

    /** The first of those instances that has the least work and has not refused; NONE when there is none. */
    private int emptiest(IntPredicate which) {
        int best = NONE;
        for (int i = 0; i < instances.length; i++) {
            if (!instances[i].refused
                    && which.test(i)
                    && (best == NONE || instances[i].load() < instances[best].load())) {
                best = i;
            }
        }
        return best;
    }

    private Optional<Prefix> prefix(RunningRequest running) {
        GenerationRequest request = running.request();
        if (!prefixes || instances.length == 1 || request.prompt().size() <= PREFIX_TOKENS) {
            return Optional.empty();
        }
        return Optional.of(new Prefix(
                PrefixCache.Scope.of(request.lora(), request.boundary().layers()),
                List.copyOf(request.prompt().subList(0, PREFIX_TOKENS))));
    }
}
