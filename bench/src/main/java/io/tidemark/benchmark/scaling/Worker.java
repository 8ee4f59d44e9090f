package io.tidemark.benchmark.scaling;

import io.tidemark.generation.EngineLoad;
import io.tidemark.load.UnreadRecords;
import io.tidemark.load.WorkEstimate;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.PriorityQueue;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;

/**
 * A worker with a simulated engine. Prompts are processed one after the other, before anything else; then running
 * sequences share the decoding rate equally. The worker takes requests from its partitions up to the limit of running
 * and queued ones. What it exports is computed by the classes that a real worker uses: {@link WorkEstimate} and
 * {@link UnreadRecords}.
 */
final class Worker implements EngineLoad {

    static final String TOPIC = "generation-requests";
    /** Time between two measurements, as in a real worker. */
    private static final double MEASURE_SECONDS = 1;
    /** Time between two listings of the ends of partitions, as in a real worker. */
    private static final double LIST_SECONDS = 5;

    private final VirtualClock clock;
    private final Deployment deployment;
    private final ConsumerGroup group;
    private final WorkEstimate work = new WorkEstimate(this);
    private final UnreadRecords unread;
    /** The ends of the owned partitions when they were listed last. */
    private final Map<TopicPartition, Long> ends = new HashMap<>();

    private final Deque<Request> queued = new ArrayDeque<>();
    private final Deque<Request> prefilling = new ArrayDeque<>();
    private final PriorityQueue<Request> decoding =
            new PriorityQueue<>(Comparator.comparingDouble(each -> each.endsAt));
    private double listedAt = Double.NEGATIVE_INFINITY;
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

    private double tokensProcessed;

    Worker(VirtualClock clock, Deployment deployment, ConsumerGroup group) {
        this.clock = clock;
        this.deployment = deployment;
        this.group = group;
        this.computed = clock.now();
        this.unread = new UnreadRecords(
                partition -> ends.containsKey(partition) ? OptionalLong.of(ends.get(partition)) : OptionalLong.empty(),
                partition -> OptionalLong.of(group.position(partition)));
    }

    /** Measures now and every second, until the worker has stopped. Called when the worker joins its group. */
    void measure() {
        if (!isStopped()) {
            work.sample(clock.nanos());
            work.unread(unread.byTopic(group.owned(this)));
            if (clock.now() - listedAt >= LIST_SECONDS) {
                listedAt = clock.now();
                ends.clear();
                group.owned(this).forEach(partition -> ends.put(partition, group.end(partition)));
            }
            clock.after(MEASURE_SECONDS, this::measure);
        }
    }

    /** Adds partitions that the worker has got, before it reads from them. */
    void assigned(Collection<TopicPartition> partitions) {
        unread.assigned(partitions);
        listedAt = Double.NEGATIVE_INFINITY;
    }

    /** Counts a record that the worker reads. */
    void read(TopicPartition partition) {
        unread.read(partition);
    }

    /** What the worker exports. */
    WorkEstimate work() {
        work.unstarted(Map.of(TOPIC, group.unstarted(this)));
        return work;
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
        clock.after(Deployment.SHUTDOWN_GRACE, this::leave);
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
            group.left(this);
        }
    }

    boolean isStopped() {
        return stoppedAt.isPresent();
    }

    /** When the worker stopped; empty before. */
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
            while (running() < deployment.maxNumSeqs() && !queued.isEmpty()) {
                prefilling.add(queued.remove());
            }
            if (stopping || open() >= deployment.maxNumSeqs() + deployment.maxQueued()) {
                return;
            }
            Optional<Request> next = group.next(this);
            if (next.isEmpty()) {
                return;
            }
            queued.add(next.get());
        }
    }

    private void advance() {
        double seconds = clock.now() - computed;
        computed = clock.now();
        if (!prefilling.isEmpty()) {
            double processed = seconds * deployment.throughput().prefill();
            prefilled += processed;
            tokensProcessed += processed;
        } else if (!decoding.isEmpty()) {
            double processed = seconds * deployment.throughput().decodeRate(decoding.size());
            served += processed / decoding.size();
            tokensProcessed += processed;
        }
    }

    private double tokensPerSequence() {
        return deployment.throughput().decodeRate(decoding.size()) / decoding.size();
    }

    private void schedule() {
        long number = ++scheduled;
        if (!prefilling.isEmpty()) {
            clock.after(
                    (prefilling.getFirst().prompt - prefilled)
                            / deployment.throughput().prefill(),
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
        tokensProcessed++;
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
        work.answered(request.prompt, request.completion, 1);
        if (request.finished) {
            throw new IllegalStateException("a request has ended twice");
        }
        request.finished = true;
        group.finished(request);
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
        return left * running() / deployment.throughput().decodeRate(running());
    }

    @Override
    public long tokensProcessed() {
        advance();
        return Math.round(tokensProcessed);
    }

    @Override
    public boolean isSaturated() {
        return running() >= deployment.maxNumSeqs();
    }

    @Override
    public double tokensLeft(double completionTokens) {
        advance();
        double left = -prefilled;
        for (Request request : queued) {
            left += request.prompt + request.expectedTokens(completionTokens);
        }
        for (Request request : prefilling) {
            left += request.prompt + request.expectedTokens(completionTokens);
        }
        for (Request request : decoding) {
            double generated = generated(request);
            double expected = Math.max(1, request.expectedTokens(completionTokens) - generated);
            left += Math.min(expected, request.maxTokens - generated);
        }
        return left;
    }
}
