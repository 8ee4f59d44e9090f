package io.tidemark.stream.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.Boundary;
import io.tidemark.generation.Completion;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.load.HeapBudget;
import io.tidemark.load.WorkEstimate;
import io.tidemark.message.Provenance;
import io.tidemark.request.Answer;
import io.tidemark.request.AnswerFormats;
import io.tidemark.request.RequestListener;
import io.tidemark.request.RequestRunner;
import io.tidemark.stream.delivery.CancellationReader;
import io.tidemark.stream.delivery.DeliveryStatus;
import io.tidemark.stream.delivery.commit.TransactionStatus;
import io.tidemark.stream.delivery.partition.RequestTopicStatus;
import io.tidemark.stream.delivery.reply.EventWriter;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** The meters of the worker. Timers are histograms, which can be aggregated over replicas. Thread-safe. */
public final class WorkerMetrics implements RequestListener {

    /** The tag {@code adapter} of unknown models. Names from clients never become tags, to bound the time series. */
    static final String UNKNOWN = "unknown";

    /** The tag {@code adapter} of names beyond the {@value #MAX_NAMES} that have tags. */
    static final String OTHER = "other";

    /** How many names are tags at a time. */
    static final int MAX_NAMES = 256;

    /** The tag by which a scaler tells installations apart. */
    private static final String GROUP = "group";

    private static final Duration[] TOKEN_BUCKETS =
            milliseconds(1, 2, 5, 10, 15, 20, 30, 50, 75, 100, 150, 250, 500, 1_000, 2_500);
    private static final Duration[] REQUEST_BUCKETS = milliseconds(
            5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000);

    /** The buckets of the age of a request, in seconds, from 0.1 s to a day. */
    private static final double[] AGE_BUCKETS = {
        0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 86_400
    };

    private final MeterRegistry registry;
    private final Meters meters;
    private final Predicate<String> isModel;
    private final FirstResults firstResults;
    private final Set<String> names = ConcurrentHashMap.newKeySet();
    private final MultiGauge boundaries;
    private List<String> bounded = List.of();
    private final Time time;
    private final Timer queueTime;
    private final Timer requestDuration;
    private final Timer commitTime;
    private final DistributionSummary requestAge;
    private final Timer firstResult;

    /** How long ago the record of an adapter was written whose first result is committed; empty for a later one. */
    @FunctionalInterface
    public interface FirstResults {
        Optional<Duration> sinceRecord(String adapter, long recordOffset);
    }

    /**
     * @param isModel      whether a name is that of the base model, of an adapter or of an alias
     * @param firstResults asked about each result of an adapter with a record
     */
    public WorkerMetrics(MeterRegistry registry, Predicate<String> isModel, FirstResults firstResults, Time time) {
        this.registry = registry;
        this.meters = new Meters(registry);
        this.isModel = isModel;
        this.firstResults = firstResults;
        this.time = time;
        this.boundaries = MultiGauge.builder("tidemark.boundary")
                .description("boundary of the next request")
                .register(registry);
        this.queueTime = Timer.builder("tidemark.queue.time")
                .description("time in the queue of the engine, from submission to admission into the batch")
                .serviceLevelObjectives(REQUEST_BUCKETS)
                .register(registry);
        this.requestDuration = Timer.builder("tidemark.request.duration")
                .description("time from reading a request until its result is committed")
                .serviceLevelObjectives(REQUEST_BUCKETS)
                .register(registry);
        this.commitTime = Timer.builder("tidemark.result.commit")
                .description("time from the end of a generation until its result is committed")
                .serviceLevelObjectives(TOKEN_BUCKETS)
                .register(registry);
        // no timer: one adds nanoseconds in a long, which a few timestamps of 1970 would overflow
        this.requestAge = DistributionSummary.builder("tidemark.request.age")
                .baseUnit("seconds")
                .description("time from the timestamp of a request until its answer is committed")
                .serviceLevelObjectives(AGE_BUCKETS)
                .register(registry);
        this.firstResult = Timer.builder("tidemark.adapter.first.result")
                .description("time from the record of an adapter to its first committed result in this process")
                .serviceLevelObjectives(REQUEST_BUCKETS)
                .register(registry);
    }

    @Override
    public void onFullLora(AppliedBoundary.FullLoraReason reason) {
        registry.counter("tidemark.boundary.fallbacks", "reason", reason.label())
                .increment();
    }

    @Override
    public void onFormatCompiled(String outcome, Duration time) {
        Timer.builder("tidemark.format.compile")
                .description("time to compile a format, or to refuse it")
                .tag("outcome", outcome)
                .serviceLevelObjectives(TOKEN_BUCKETS)
                .register(registry)
                .record(time);
    }

    @Override
    public void onCommitted(Answer answer, long nanos) {
        String adapter = answer.result()
                .tidemark()
                .adapter()
                .or(answer::model)
                .filter(isModel)
                .map(this::tag)
                .orElse(UNKNOWN);
        registry.counter("tidemark.requests", "adapter", adapter, "outcome", answer.outcome())
                .increment();
        answer.error()
                .ifPresent(error -> registry.counter("tidemark.request.errors", "code", error.code())
                        .increment());
        if (!answer.result().ignoredFields().isEmpty()) {
            registry.counter("tidemark.requests.ignored.fields", "adapter", adapter)
                    .increment();
        }
        Provenance provenance = answer.result().tidemark();
        if (answer.completion().isPresent() && provenance.adapterOffset().isPresent()) {
            firstResults
                    .sinceRecord(
                            provenance.adapter().orElseThrow(),
                            provenance.adapterOffset().getAsLong())
                    .ifPresent(firstResult::record);
        }
        recordAge(answer.request().timestamp());
        answer.completion().ifPresent(completion -> record(answer, completion, adapter, nanos));
    }

    private String tag(String name) {
        return names.contains(name) || names.size() < MAX_NAMES && names.add(name) ? name : OTHER;
    }

    /**
     * Removes the meters of names that stand for nothing any more: a trainer may publish names without end. Called
     * about once a second by one thread.
     */
    public void removeUnknown() {
        for (String name : names) {
            if (!isModel.test(name)) {
                names.remove(name);
                registry.getMeters().stream()
                        .filter(meter -> name.equals(meter.getId().getTag("adapter")))
                        .forEach(registry::remove);
            }
        }
    }

    /** Sets the boundaries of adapters, of the first {@value #MAX_NAMES}. Called about once a second by one thread. */
    public void boundaries(Collection<String> adapters, Function<String, Optional<Boundary>> current) {
        List<String> first = adapters.stream().limit(MAX_NAMES).toList();
        if (first.equals(bounded)) {
            return;
        }
        bounded = first;
        boundaries.register(
                first.stream()
                        .map(name -> MultiGauge.Row.of(
                                Tags.of("adapter", name),
                                () -> current.apply(name)
                                        .map(boundary -> (double) boundary.layers())
                                        .orElse(Double.NaN)))
                        .collect(Collectors.toList()),
                true);
    }

    /** The tag is bounded: only topics of {@code tidemark.replies.topics} are set aside. */
    @Override
    public void onTopicSetAside(String topic) {
        replyTopicFailures(topic).increment();
    }

    /** Registers the failures of each topic of {@code tidemark.replies.topics}: a rate needs the 0 before the first. */
    public void bindReplyTopics(Collection<String> topics) {
        topics.forEach(this::replyTopicFailures);
    }

    private Counter replyTopicFailures(String topic) {
        return registry.counter("tidemark.reply.topic.failures", "topic", topic);
    }

    /** @param timestamp milliseconds since 1970; negative for a record without one */
    private void recordAge(long timestamp) {
        if (timestamp >= 0) {
            requestAge.record(Math.max(0, time.instant().toEpochMilli() - timestamp) / 1e3);
        }
    }

    private void record(Answer answer, Completion completion, String adapter, long nanos) {
        registry.counter("tidemark.tokens", "adapter", adapter, "kind", "prompt")
                .increment(completion.usage().promptTokens());
        registry.counter("tidemark.tokens", "adapter", adapter, "kind", "completion")
                .increment(completion.usage().completionTokens());
        Completion.Timing timing = completion.timing();
        queueTime.record(duration(timing.queuedMs()));
        requestDuration.record(Duration.ofNanos(nanos - answer.request().receivedNanos()));
        commitTime.record(Duration.ofNanos(nanos - answer.endedNanos()));
        completion.firstTokenMs().ifPresent(milliseconds -> {
            perAdapter(
                            "tidemark.time.to.first.token",
                            "time from admission into the batch to the first token",
                            adapter,
                            REQUEST_BUCKETS)
                    .record(duration(milliseconds));
            answer.result()
                    .tidemark()
                    .admissionMs()
                    .ifPresent(admission -> perAdapter(
                                    "tidemark.arrival.to.first.token",
                                    "time from the reading of a request to the first token",
                                    adapter,
                                    REQUEST_BUCKETS)
                            .record(duration(admission + timing.queuedMs() + milliseconds)));
        });
        int longest = completion.choices().stream()
                .mapToInt(choice -> choice.tokens().size())
                .max()
                .orElse(0);
        if (longest > 1) {
            double milliseconds = (timing.totalMs() - timing.queuedMs() - timing.firstTokenMs()) / (longest - 1);
            perAdapter(
                            "tidemark.time.per.token",
                            "time between two tokens of a choice, mean over a request",
                            adapter,
                            TOKEN_BUCKETS)
                    .record(duration(milliseconds));
        }
    }

    private Timer perAdapter(String name, String description, String adapter, Duration[] buckets) {
        return Timer.builder(name)
                .description(description)
                .tag("adapter", adapter)
                .serviceLevelObjectives(buckets)
                .register(registry);
    }

    /** Registers the meters of the delivery of requests. */
    public void bind(DeliveryStatus delivery, EventWriter events, CancellationReader cancellations) {
        meters.gauge("tidemark.open.requests", "requests that run or wait in the engine", delivery::runningRequests);
        meters.counter(
                "tidemark.events.dropped", "events that the broker did not take in time", events, EventWriter::dropped);
        meters.gauge(
                "tidemark.reply.topics.set.aside",
                "reply topics that do not take records, so that their results become errors on the results topic",
                () -> delivery.transactions().topicsSetAside().size());
        meters.counter(
                "tidemark.cancellations.invalid",
                "cancellations that were ignored because they are invalid",
                cancellations,
                CancellationReader::invalid);
        TableMetrics.bind(registry, cancellations.follower());
    }

    /** Registers the failures of the delivery of requests, and what it does to keep them apart. */
    public void bind(DeliveryStatus delivery) {
        meters.gauge(
                "tidemark.oldest.open.request.seconds",
                "time since the oldest request was read that has no committed answer",
                () -> delivery.oldestOpenAge().toMillis() / 1e3);
        meters.gauge(
                "tidemark.isolated.partitions",
                "partitions whose requests run one at a time, because workers died while these requests were open",
                delivery::isolatedPartitions);
        meters.counter(
                "tidemark.transactions.failed",
                "transactions of results that were aborted, or whose outcome was not known",
                delivery.transactions(),
                TransactionStatus::failed);
        meters.counter(
                "tidemark.session.restarts",
                "sessions of the consumer group that an error has ended",
                delivery,
                DeliveryStatus::sessionRestarts);
    }

    /** Registers the shares of the heap and their use. */
    public void bind(HeapBudget budget, DeliveryStatus delivery) {
        heap("read", budget.readBytes(), delivery::readBytes);
        heap("open", budget.openBytes(), delivery::openBytes);
    }

    private void heap(String kind, long budget, Supplier<Number> used) {
        meters.gauge("tidemark.heap.budget.bytes", "share of the heap for requests", () -> budget, "kind", kind);
        meters.gauge(
                "tidemark.heap.budget.used.bytes",
                "estimated use of a share of the heap; a single request may exceed it",
                used,
                "kind",
                kind);
    }

    /**
     * Registers the estimate of the work that waits.
     *
     * @param topics the request topics
     * @param group  consumer group of the workers
     */
    public void bind(WorkEstimate work, RequestRunner requests, List<String> topics, String group) {
        meters.gauge(
                "tidemark.outstanding.tokens",
                "tokens that the requests in the engine still need; an estimate",
                work::outstandingTokens,
                GROUP,
                group);
        meters.gauge(
                "tidemark.engine.step.age.seconds",
                "how long the oldest running step has taken, in whole seconds",
                () -> requests.watchdog().stepAge().toSeconds());
        topics.forEach(topic -> meters.gauge(
                "tidemark.waiting.records",
                "records in the owned partitions of a topic that are not in the engine yet; an estimate",
                () -> work.waitingRecords(topic) + requests.admitting(topic),
                GROUP,
                group,
                "topic",
                topic));
        meters.gauge(
                "tidemark.tokens.per.record",
                "mean tokens of recent records",
                () -> work.tokensPerRecord().orElse(Double.NaN),
                GROUP,
                group);
        meters.gauge(
                "tidemark.tokens.per.second",
                "tokens that the worker can process in a second",
                () -> work.tokensPerSecond().orElse(Double.NaN),
                GROUP,
                group);
    }

    /**
     * Registers what happens to the partitions of the request topics.
     *
     * @param topics the request topics
     * @param group  consumer group of the workers
     */
    public void bind(RequestTopicStatus logs, List<String> topics, String group) {
        topics.forEach(topic -> {
            String[] tags = {GROUP, group, "topic", topic};
            meters.gauge(
                    "tidemark.held.back.offsets",
                    "offsets in the owned partitions that can't be read because a transaction before them is open",
                    () -> logs.heldBack(topic),
                    tags);
            meters.counter(
                    "tidemark.requests.expired.unread",
                    "offsets that retention has deleted before a worker has read or answered them",
                    logs,
                    source -> source.expiredUnread(topic),
                    tags);
            meters.counter(
                    "tidemark.request.logs.replaced",
                    "partitions that were truncated, or whose topic was created again, below what was read",
                    logs,
                    source -> source.replacedLogs(topic),
                    tags);
            meters.counter(
                    "tidemark.deaths.counted",
                    "deaths of workers that this one has found, one for each partition with requests",
                    logs,
                    source -> source.deaths(topic),
                    tags);
        });
    }

    /** @param group consumer group of the workers */
    public void bind(GenerationEngine engine, String group) {
        meters.gauge(
                "tidemark.queue.depth",
                "requests that wait in the engine",
                () -> engine.stats().queuedRequests());
        meters.gauge(
                "tidemark.running.rows",
                "running sequences",
                () -> engine.stats().runningSequences());
        meters.gauge(
                "tidemark.kv.reserved.bytes",
                "memory reserved for keys and values",
                () -> engine.stats().kvBytesReserved());
        meters.gauge(
                "tidemark.prefix.cache.bytes",
                "reserved memory that holds cached prefixes",
                () -> engine.stats().steps().prefixBytes());
        meters.counter(
                "tidemark.prefix.cache.tokens",
                "prompt tokens read from cached prefixes",
                engine,
                source -> source.stats().steps().reusedPromptTokens());
        meters.counter(
                "tidemark.engine.steps",
                "steps",
                engine,
                source -> source.stats().steps().count());
        FunctionTimer.builder(
                        "tidemark.format.masks",
                        engine,
                        source -> source.stats().steps().masks().steps(),
                        source -> source.stats().steps().masks().nanos(),
                        TimeUnit.NANOSECONDS)
                .description("steps with sequences that have a format, and the time for what these may generate")
                .register(registry);
        meters.counter(
                "tidemark.format.waits",
                "how often a sequence with a format had to wait for a later step, because others had taken the time for formats",
                engine,
                source -> source.stats().steps().masks().waits());
        meters.counter(
                "tidemark.format.failures",
                "requests that were ended because the grammar of their format failed in the middle of a text",
                engine,
                source -> source.stats().steps().masks().failures());
        meters.counter(
                "tidemark.engine.tokens",
                "prompt tokens processed, those from the prefix cache included, and tokens generated",
                engine,
                GenerationEngine::tokensProcessed,
                GROUP,
                group);
    }

    /** Registers the memory of formats. */
    public void bind(AnswerFormats formats) {
        meters.gauge(
                "tidemark.format.grammar.bytes",
                "native memory of the grammars to which formats are compiled, in use or kept",
                formats::usedBytes);
    }

    /** Registers the state of the table of boundaries. */
    public void bind(BoundaryTable table) {
        meters.counter(
                "tidemark.boundary.broken.records",
                "records of the boundary table that could not be parsed",
                table,
                BoundaryTable::brokenRecords);
    }

    private static Duration duration(double milliseconds) {
        return Duration.ofNanos(Math.max(0, (long) (milliseconds * 1e6)));
    }

    private static Duration[] milliseconds(long... values) {
        return LongStream.of(values).mapToObj(Duration::ofMillis).toArray(Duration[]::new);
    }
}
