package io.tidemark.generation;

import io.tidemark.decoder.kvcache.PrefixCache;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/**
 * The queued requests, and their assignment to engine instances. {@link WaitingRequests} defines which request is next.
 * While the next request lacks a free sequence or memory, no other one starts, so a large request is not starved.
 *
 * <p>A request that arrives and precedes the next one takes its place, unless the next one is offered, or was refused
 * and no memory was freed since. In that case the new request waits until the offered one starts or ends, or until
 * memory is freed, even if it would fit.
 *
 * <p>A request goes to the instance with the lowest load: the number of its sequences, plus this number and one for
 * each background task. An instance with at most a quarter more load is preferred if it ran a prompt with the same
 * first {@code PREFIX_TOKENS} tokens, tenant, adapter and boundary, or else if it runs the same adapter.
 *
 * <p>Instances take requests between steps: {@link #offer} returns the next request to the instance that should run it.
 * That instance reserves memory and calls {@link #accept}, or {@link #refuse} if there is not enough.
 *
 * <p>Thread-safe.
 */
final class RequestQueue {

    /** A preferred instance has at most 1/{@code MAX_EXTRA_LOAD_DIVISOR} more load, rounded down, than the lowest. */
    private static final int MAX_EXTRA_LOAD_DIVISOR = 4;
    /** Length of the prefix that assigns prompts to instances: a chunk of the prefix cache. */
    private static final int PREFIX_TOKENS = PrefixCache.CHUNK;

    private static final int REMEMBERED_PREFIXES = 1024;
    private static final int NONE = -1;

    private final int maxNumSeqs;
    private final boolean prefixCache;
    private final IntConsumer wake;
    private final InstanceLoad[] instances;
    private final WaitingRequests waiting = new WaitingRequests();
    /** The instances that have run a prefix, least recently used first. */
    private final Map<Prefix, BitSet> prefixInstances = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Prefix, BitSet> eldest) {
            return size() > REMEMBERED_PREFIXES;
        }
    };

    private int runningSequences;
    /** The request that stays next: it is offered, or was refused and no memory was freed since. */
    private Optional<SubmittedRequest> selected = Optional.empty();

    /** The instance to which the selected request is offered, or {@code NONE}. */
    private int offeredTo = NONE;

    /** Bytes that the selected request lacks. */
    private long neededBytes;

    private boolean closed;

    /** The load of an engine instance. */
    private static final class InstanceLoad {
        private final Map<LoraWeights, Integer> adapters = new HashMap<>();
        private int sequences;
        private int backgroundTasks;
        /** Whether it did not have enough memory for the selected request. */
        private boolean refused;

        private int load() {
            return sequences + backgroundTasks * (sequences + 1);
        }
    }

    private record Prefix(PrefixCache.Scope scope, List<Integer> tokens) {}

    /**
     * @param wake called from any thread to give an instance a turn
     */
    RequestQueue(EngineLimits limits, int instances, IntConsumer wake) {
        this.maxNumSeqs = limits.maxNumSeqs();
        this.prefixCache = limits.prefixBytes() > 0;
        this.wake = wake;
        this.instances = new InstanceLoad[instances];
        for (int i = 0; i < instances; i++) {
            this.instances[i] = new InstanceLoad();
        }
    }

    /** @throws IllegalStateException if the queue is closed */
    synchronized void add(SubmittedRequest request) {
        if (closed) {
            throw new IllegalStateException("the engine is closed");
        }
        waiting.add(request);
        wakeNext();
    }

    /** Number of queued requests. */
    synchronized int size() {
        return waiting.size();
    }

    /** Number of sequences of queued requests that the process can run if the next one can start now, else 0. */
    synchronized int startable() {
        double sequences = waiting.sum(queued -> queued.request().params().choices());
        return isSaturated() ? 0 : (int) Math.min(sequences, maxNumSeqs - runningSequences);
    }

    /** See {@link EngineLoad#isSaturated}. */
    synchronized boolean isSaturated() {
        return runningSequences >= maxNumSeqs || waiting.size() > 0 && offeredTo == NONE && instanceForNext() == NONE;
    }

    /** An estimate of the tokens that the queued requests need, see {@link EngineLoad#tokensLeft}. */
    synchronized double tokensLeft(double completionTokens) {
        return waiting.sum(queued -> {
            GenerationParams params = queued.request().params();
            return queued.request().prompt().size() + params.choices() * params.expectedTokens(completionTokens);
        });
    }

    /** Number of running sequences of all instances. */
    synchronized int runningSequences() {
        return runningSequences;
    }

    /**
     * The next request, if this instance should run it. The instance then calls {@link #accept}, {@link #refuse} or
     * {@link #drop}; until then no request is offered to another instance.
     */
    synchronized Optional<SubmittedRequest> offer(int instance) {
        if (closed || offeredTo != NONE || instanceForNext() != instance) {
            return Optional.empty();
        }
        selected = next();
        offeredTo = instance;
        return selected;
    }

    /** Withdraws an offer to an instance that has ended; the request stays queued. */
    synchronized void withdraw(int instance) {
        if (offeredTo == instance) {
            offeredTo = NONE;
        }
    }

    /** Removes the offered request, which this instance runs, and counts a sequence for each choice. */
    synchronized void accept(int instance) {
        SubmittedRequest request = endOffer();
        waiting.start(request);
        int choices = request.request().params().choices();
        instances[instance].sequences += choices;
        runningSequences += choices;
        request.request().lora().ifPresent(lora -> instances[instance].adapters.merge(lora, choices, Integer::sum));
        prefix(request)
                .ifPresent(prefix -> prefixInstances
                        .computeIfAbsent(prefix, any -> new BitSet())
                        .set(instance));
        wakeNext();
    }

    /**
     * Offers the request to other instances, because this one does not have enough memory.
     *
     * @param bytes that the request needs
     */
    synchronized void refuse(int instance, long bytes) {
        offeredTo = NONE;
        instances[instance].refused = true;
        neededBytes = bytes;
        wakeNext();
        for (int other = 0; other < instances.length; other++) {
            if (other != instance) {
                // it may free unused memory
                wake.accept(other);
            }
        }
    }

    /** Removes the offered request, which does not run. */
    synchronized void drop() {
        waiting.remove(endOffer());
        wakeNext();
    }

    /** Called when a sequence of an instance has ended. */
    synchronized void sequenceEnded(int instance, Optional<LoraWeights> lora) {
        instances[instance].sequences--;
        runningSequences--;
        lora.ifPresent(weights ->
                instances[instance].adapters.computeIfPresent(weights, (same, count) -> count == 1 ? null : count - 1));
        memoryFreed();
    }

    /** Bytes that the selected request lacks, or 0. Instances should free unused memory. */
    synchronized long neededBytes() {
        return neededBytes;
    }

    /** Called when memory was freed: all instances may run the next request, which may be another one than before. */
    synchronized void memoryFreed() {
        clearRefusals();
        wakeNext();
    }

    /** Assigns a background task to the instance with the lowest load, the last one of equals, and counts it. */
    synchronized int startBackground() {
        int best = instances.length - 1;
        for (int i = best - 1; i >= 0; i--) {
            if (instances[i].load() < instances[best].load()) {
                best = i;
            }
        }
        instances[best].backgroundTasks++;
        wakeNext();
        return best;
    }

    /** Called when a background task of an instance has ended. */
    synchronized void backgroundEnded(int instance) {
        instances[instance].backgroundTasks--;
        wakeNext();
    }

    /** Removes and returns matching requests; if the offered one matches, it is marked as cancelled instead. */
    synchronized List<SubmittedRequest> cancel(Predicate<SubmittedRequest> which, FinishReason reason) {
        offered().filter(which).ifPresent(request -> request.cancel(reason));
        return remove(which);
    }

    /** Ends submissions and offers; removes and returns all requests except an offered one. */
    synchronized List<SubmittedRequest> close() {
        closed = true;
        return remove(request -> true);
    }

    private List<SubmittedRequest> remove(Predicate<SubmittedRequest> which) {
        Optional<SubmittedRequest> kept = offered();
        List<SubmittedRequest> removed = waiting.removeIf(
                request -> which.test(request) && kept.filter(request::equals).isEmpty());
        if (selected.filter(removed::contains).isPresent()) {
            clearRefusals();
        }
        wakeNext();
        return removed;
    }

    private Optional<SubmittedRequest> next() {
        return selected.or(waiting::next);
    }

    private Optional<SubmittedRequest> offered() {
        return offeredTo == NONE ? Optional.empty() : selected;
    }

    /** Ends the offer and the selection; the caller removes the returned request. */
    private SubmittedRequest endOffer() {
        SubmittedRequest request = offered().orElseThrow();
        offeredTo = NONE;
        clearRefusals();
        return request;
    }

    /** Also ends the selection, except for an offered request. */
    private void clearRefusals() {
        selected = offered();
        neededBytes = 0;
        for (InstanceLoad instance : instances) {
            instance.refused = false;
        }
    }

    private void wakeNext() {
        int next = offeredTo == NONE ? instanceForNext() : NONE;
        if (next != NONE) {
            wake.accept(next);
        }
    }

    /** The instance that should run the next request; {@code NONE} if it has to wait or the queue is empty. */
    private int instanceForNext() {
        return next().filter(
                        request -> runningSequences + request.request().params().choices() <= maxNumSeqs)
                .map(this::instanceFor)
                .orElse(NONE);
    }

    /** The instance that should run a request; {@code NONE} if all have refused it. */
    private int instanceFor(SubmittedRequest request) {
        int leastLoaded = leastLoaded(each -> true);
        if (leastLoaded == NONE) {
            return NONE;
        }
        int least = instances[leastLoaded].load();
        IntPredicate balanced = i -> instances[i].load() <= least + least / MAX_EXTRA_LOAD_DIVISOR;
        int withPrefix = prefix(request)
                .map(prefixInstances::get)
                .map(at -> leastLoaded(i -> at.get(i) && balanced.test(i)))
                .orElse(NONE);
        if (withPrefix != NONE) {
            return withPrefix;
        }
        int withAdapter = request.request()
                .lora()
                .map(lora -> leastLoaded(i -> instances[i].adapters.containsKey(lora) && balanced.test(i)))
                .orElse(NONE);
        return withAdapter != NONE ? withAdapter : leastLoaded;
    }

    /** The first matching instance with the lowest load that has not refused; {@code NONE} if there is none. */
    private int leastLoaded(IntPredicate which) {
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

    private Optional<Prefix> prefix(SubmittedRequest running) {
        GenerationRequest request = running.request();
        if (!prefixCache || instances.length == 1 || request.prompt().size() <= PREFIX_TOKENS) {
            return Optional.empty();
        }
        return Optional.of(new Prefix(
                PrefixCache.Scope.of(request.tenant(), request.lora(), request.boundary()),
                List.copyOf(request.prompt().subList(0, PREFIX_TOKENS))));
    }
}
