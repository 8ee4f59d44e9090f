package io.tidemark.benchmark.scaling;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.PriorityQueue;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * The engine of a worker. Prompts are processed one after the other, before anything else; then running sequences
 * share the decoding rate equally. The worker takes requests from its partitions up to the limit of running and queued
 * ones.
 */
final class Worker {

    /** Saturated time after which the capacity is known. */
    private static final double CAPACITY_SECONDS = 15;
    /** Saturated time that the capacity is measured over. */
    private static final double CAPACITY_WINDOW = 60;
    /** Number of requests over which lengths are averaged. */
    private static final int RECENT = 64;
    /** Tokens of a prompt and of a completion before the first request has ended. */
    private static final double FIRST_TOKENS = 256;

    private final VirtualClock clock;
    private final WorkerSettings settings;
    private final Records records;
    private final Deque<Request> queued = new ArrayDeque<>();
    private final Deque<Request> prefilling = new ArrayDeque<>();
    private final PriorityQueue<Request> decoding =
            new PriorityQueue<>(Comparator.comparingDouble(each -> each.endsAt));
    private boolean stopping;
    private OptionalDouble stoppedAt = OptionalDouble.empty();

    /** Time up to which the state is computed. */
    private double computed;
    /** Tokens that a sequence that decodes all the time has got. */
    private double served;
    /** Tokens of the first prompt of {@link #prefilling} that are processed. */
    private double prefilled;
    /** Number of the last scheduled event; earlier ones are void. */
    private long scheduled;

    /** Tokens processed since the start. */
    private double tokens;
    /** Time with queued requests, and the tokens processed in it; older time counts less. */
    private double saturatedSeconds;

    private double saturatedTokens;
    private double meanPrompt = FIRST_TOKENS;
    private double meanCompletion = FIRST_TOKENS;
    private int recent;

    /** Where requests come from and go to. */
    interface Records {
        /** Removes and returns the next request of the worker's partitions. */
        Optional<Request> next(Worker worker);

        void finished(Request request);

        /** The worker has stopped: no request is open. */
        void left(Worker worker);
    }

    Worker(VirtualClock clock, WorkerSettings settings, Records records) {
        this.clock = clock;
        this.settings = settings;
        this.records = records;
        this.computed = clock.now();
    }

    /** Takes requests if there are new ones. */
    void wake() {
        advance();
        take();
        schedule();
    }

    /** Ends after the open requests, at the latest after the grace. */
    void stop() {
        stopping = true;
        clock.after(settings.shutdownGrace(), this::leave);
        leaveIfDone();
    }

    private void leaveIfDone() {
        if (stopping && open() == 0) {
            leave();
        }
    }

    private void leave() {
        if (!isStopped()) {
            stoppedAt = OptionalDouble.of(clock.now());
            records.left(this);
        }
    }

    boolean isStopped() {
        return stoppedAt.isPresent();
    }

    /** Empty before the end. */
    OptionalDouble stoppedAt() {
        return stoppedAt;
    }

    private int running() {
        return prefilling.size() + decoding.size();
    }

    private int open() {
        return queued.size() + running();
    }

    private void take() {
        while (true) {
            while (running() < settings.maxNumSeqs() && !queued.isEmpty()) {
                prefilling.add(queued.remove());
            }
            if (stopping || open() >= settings.maxNumSeqs() + settings.maxQueued()) {
                return;
            }
            Optional<Request> next = records.next(this);
            if (next.isEmpty()) {
                return;
            }
            queued.add(next.get());
        }
    }

    private void advance() {
        double seconds = clock.now() - computed;
        computed = clock.now();
        double processed = 0;
        if (!prefilling.isEmpty()) {
            processed = seconds * settings.throughput().prefill();
            prefilled += processed;
        } else if (!decoding.isEmpty()) {
            processed = seconds * settings.throughput().decodeRate(decoding.size());
            served += processed / decoding.size();
        }
        count(processed, seconds);
    }

    private void count(double processed, double seconds) {
        tokens += processed;
        if (!queued.isEmpty()) {
            saturatedSeconds += seconds;
            saturatedTokens += processed;
            double kept = CAPACITY_WINDOW / Math.max(CAPACITY_WINDOW, saturatedSeconds);
            saturatedSeconds *= kept;
            saturatedTokens *= kept;
        }
    }

    private double tokensPerSequence() {
        return settings.throughput().decodeRate(decoding.size()) / decoding.size();
    }

    private void schedule() {
        long number = ++scheduled;
        if (!prefilling.isEmpty()) {
            clock.after(
                    (prefilling.getFirst().prompt - prefilled)
                            / settings.throughput().prefill(),
                    () -> {
                        if (number == scheduled) {
                            prefilled();
                        }
                    });
        } else if (!decoding.isEmpty()) {
            clock.after((decoding.peek().endsAt - served) / tokensPerSequence(), () -> {
                if (number == scheduled) {
                    decoded();
                }
            });
        }
    }

    /** The first prompt is processed, which gives the first token. */
    private void prefilled() {
        advance();
        count(1, 0);
        Request request = prefilling.remove();
        prefilled = 0;
        request.firstToken = clock.now();
        request.endsAt = served + request.completion - 1;
        if (request.completion == 1) {
            finish(request);
        } else {
            decoding.add(request);
        }
        take();
        schedule();
    }

    private void decoded() {
        advance();
        double ended = decoding.peek().endsAt + 1e-9;
        while (!decoding.isEmpty() && decoding.peek().endsAt <= ended) {
            finish(decoding.remove());
        }
        take();
        schedule();
    }

    private void finish(Request request) {
        recent = Math.min(RECENT, recent + 1);
        meanPrompt += (request.prompt - meanPrompt) / recent;
        meanCompletion += (request.completion - meanCompletion) / recent;
        if (request.finished) {
            throw new IllegalStateException("a request has ended twice");
        }
        request.finished = true;
        records.finished(request);
        leaveIfDone();
    }

    /** Removes the matching requests that wait in the engine. */
    List<Request> removeQueued(Predicate<Request> which) {
        advance();
        List<Request> removed = queued.stream().filter(which).toList();
        queued.removeAll(removed);
        return removed;
    }

    /** Removes the matching requests that run. What was generated for them is lost. */
    List<Request> abandon(Predicate<Request> which) {
        advance();
        List<Request> abandoned = Stream.concat(prefilling.stream(), decoding.stream())
                .filter(which)
                .toList();
        for (Request request : abandoned) {
            double processed = processed(request);
            if (request == prefilling.peek()) {
                prefilled = 0;
            }
            prefilling.remove(request);
            decoding.remove(request);
            request.lostTokens += processed;
        }
        schedule();
        return abandoned;
    }

    /** Arrival of the oldest open request without a token. */
    OptionalDouble oldestWithoutToken() {
        return Stream.concat(queued.stream(), prefilling.stream())
                .mapToDouble(each -> each.arrival)
                .min();
    }

    /** Whether a matching request runs. */
    boolean runs(Predicate<Request> which) {
        return Stream.concat(prefilling.stream(), decoding.stream()).anyMatch(which);
    }

    private double generated(Request request) {
        return request.completion - (request.endsAt - served);
    }

    private double processed(Request request) {
        if (prefilling.contains(request)) {
            return request == prefilling.getFirst() ? prefilled : 0;
        }
        return request.prompt + generated(request);
    }

    /** Seconds that a running request needs at most, from its limit and the present speed. */
    double secondsLeft(Request request) {
        advance();
        double left = prefilling.contains(request) ? request.maxTokens : request.maxTokens - generated(request);
        return left * running() / settings.throughput().decodeRate(running());
    }

    /** {@code tidemark_tokens_total}: processed prompt and completion tokens. */
    double tokens() {
        advance();
        return tokens;
    }

    /** {@code tidemark_tokens_per_second}: the rate while requests were queued; empty before it is known. */
    OptionalDouble tokensPerSecond() {
        return saturatedSeconds < CAPACITY_SECONDS
                ? OptionalDouble.empty()
                : OptionalDouble.of(saturatedTokens / saturatedSeconds);
    }

    /**
     * {@code tidemark_outstanding_tokens}: tokens that the open requests still need. The length of a completion is
     * estimated as the mean of recent ones, at most {@code max_tokens}, and at least one more than has been generated.
     */
    double outstandingTokens() {
        advance();
        double tokens = -prefilled;
        for (Request request : queued) {
            tokens += request.prompt + estimatedCompletion(request);
        }
        for (Request request : prefilling) {
            tokens += request.prompt + estimatedCompletion(request);
        }
        for (Request request : decoding) {
            double generated = generated(request);
            tokens += Math.max(estimatedCompletion(request) - generated, 1);
        }
        return tokens;
    }

    private double estimatedCompletion(Request request) {
        return Math.min(request.maxTokens, meanCompletion);
    }

    /** Mean tokens of recent requests. */
    double tokensPerRequest() {
        return meanPrompt + meanCompletion;
    }
}
