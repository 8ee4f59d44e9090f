package io.tidemark.client;

import io.tidemark.message.CancellationMessage;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RawValidationBatch;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.TableEntry;
import io.tidemark.message.TopicJson;
import io.tidemark.topic.TopicReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;

/**
 * Sends requests to the topics of a Kafka cluster, with one idempotent producer, and reads the results of all of them
 * with one consumer and {@code read_committed}. It uses no consumer group.
 *
 * <p>One thread {@code tidemark-client} reads, and one thread {@code tidemark-client-sender} calls the producer, so
 * that callers do not wait for the cluster. Records wait for it within {@link Limits}. Callbacks and subscribers run on
 * the executor of the builder, by default on up to eight daemon threads {@code tidemark-callbacks-N}: callbacks that
 * block take these threads from each other, and never from the reader. If all of them block and others wait, there is
 * one thread more each second, so that callbacks can wait for other requests. These threads end when the client is
 * closed and the last callback has run. A callback that an executor refuses runs on the thread that has the result.
 *
 * <p>A result may be written before a client reads the topic. Therefore no request is sent before the ends of the
 * topics are known. Building a client waits for them, unless {@link Builder#connectLater} is set.
 */
public final class KafkaTidemarkClient implements TidemarkClient {

    private static final int CORRELATION_BYTES = 16;

    /** How long callbacks may all block until there is one thread more. */
    private static final Duration CALLBACK_THREADS_GROW_AFTER = Duration.ofSeconds(1);

    /** How long a close waits for the acknowledgement of cancellations. */
    private static final Duration LONGEST_SEND = Duration.ofSeconds(2);

    private static final Duration LONGEST_POLL = Duration.ofSeconds(10);

    private final Topics topics;
    private final Optional<byte[]> replyTopic;
    private final Executor callbacks;

    /** The threads of callbacks, unless the builder got an executor. */
    private final Optional<CallbackThreads> ownCallbacks;

    private final AtomicLong streamBudget;
    private final Producer<String, byte[]> producer;
    private final RecordSender sender;
    private final OpenRequests open;
    private final int maxCancellations;

    /** How many cancellations wait for their acknowledgement. */
    private final AtomicInteger cancellations = new AtomicInteger();

    private final BatchOutcomes batches;
    private final BoundaryTopic boundaries;
    private final BoundaryWatch watch;

    /** Reads results; empty in a client for validation only. */
    private final Optional<ResultReader> reader;

    private final Optional<Thread> thread;
    private final String idPrefix = UUID.randomUUID().toString().substring(0, 13) + "-";
    private final AtomicLong ids = new AtomicLong();
    private final SecureRandom random = new SecureRandom();

    private KafkaTidemarkClient(Builder builder) {
        this.topics = builder.topics;
        this.replyTopic = builder.replyTopic.map(name -> name.getBytes(StandardCharsets.UTF_8));
        this.ownCallbacks = builder.callbacks.isPresent()
                ? Optional.empty()
                : Optional.of(new CallbackThreads(CALLBACK_THREADS_GROW_AFTER));
        this.callbacks = refusingNone(builder.callbacks.orElseGet(ownCallbacks::orElseThrow));
        this.streamBudget = new AtomicLong(builder.limits.streamBytes());
        this.open = new OpenRequests(builder.limits, System::nanoTime);
        this.boundaries = new BoundaryTopic(builder.cluster, topics);
        this.watch = new BoundaryWatch(builder.cluster, topics);
        this.maxCancellations = builder.limits.openRequests();
        this.producer = builder.cluster.patientProducer(builder.limits.time());
        this.sender = new RecordSender(builder.cluster, producer, builder.limits.time(), System::nanoTime);
        this.reader = builder.validationOnly ? Optional.empty() : Optional.of(reader(builder));
        this.thread = reader.map(loop -> CallbackThreads.daemon(loop, "tidemark-client"));
        this.batches = new BatchOutcomes(
                builder.cluster, topics, builder.group, builder.limits, sender, callbacks, System::nanoTime);
        sender.start();
        thread.ifPresent(Thread::start);
    }

    private ResultReader reader(Builder builder) {
        List<String> results = new ArrayList<>(List.of(topics.results()));
        builder.replyTopic.ifPresent(name -> results.add(0, name));
        Optional<TopicReader<byte[]>> opened = Optional.empty();
        try {
            TopicReader<byte[]> readTopics = builder.cluster.resultReader();
            opened = Optional.of(readTopics);
            ResultReader loop = new ResultReader(readTopics, topics, results, open, System::nanoTime, sender::stalled);
            if (!builder.connectLater) {
                loop.open();
            }
            return loop;
        } catch (KafkaException | ClientException e) {
            opened.ifPresent(TopicReader::close);
            producer.close(Duration.ZERO);
            if (e instanceof TimeoutException timeout) {
                throw new ClientException.Failed(builder.cluster.unreachable(Optional.of(timeout)), e);
            }
            throw ClientException.of("results cannot be read at " + builder.cluster.brokers(), e);
        }
    }

    /**
     * Connects to a cluster without authentication and a service with default topics.
     *
     * @param brokers {@code bootstrap.servers}
     * @throws ClientException if no broker answers, or a topic does not exist or cannot be read
     */
    public static KafkaTidemarkClient connect(String brokers) {
        return builder(new Cluster(brokers)).build();
    }

    /** @param cluster its properties may have credentials, as for every Kafka client */
    public static Builder builder(Cluster cluster) {
        return new Builder(cluster);
    }

    /** What a client may be told. */
    public static final class Builder {

        private final Cluster cluster;
        private Topics topics = Topics.DEFAULT;
        private Limits limits = Limits.DEFAULT;
        private Optional<String> replyTopic = Optional.empty();
        private Optional<Executor> callbacks = Optional.empty();
        private String group = "tidemark-calibrators";
        private boolean validationOnly;
        private boolean connectLater;

        private Builder(Cluster cluster) {
            this.cluster = cluster;
        }

        public Builder topics(Topics names) {
            this.topics = names;
            return this;
        }

        public Builder limits(Limits newLimits) {
            this.limits = newLimits;
            return this;
        }

        /**
         * A topic of {@code tidemark.replies.topics} for the results of this client, in place of the results topic. The
         * client also reads the results topic if it may, because the service writes some errors there.
         */
        public Builder replyTopic(String name) {
            this.replyTopic = Optional.of(name);
            return this;
        }

        /**
         * Runs callbacks and subscribers, failures after the limit of time and those of closing included. If all of
         * its threads wait for other requests, none of these ends. The client does not shut it down. What it refuses
         * runs on a thread of the client, which reads no results meanwhile.
         */
        public Builder callbacks(Executor executor) {
            this.callbacks = Optional.of(executor);
            return this;
        }

        /** The calibrators' consumer group, by default {@code tidemark-calibrators}. */
        public Builder calibratorGroup(String name) {
            this.group = name;
            return this;
        }

        /**
         * The client sends validation batches and no requests, so it needs no right on the topics of results. Its
         * {@code submit} and {@code attach} methods throw an {@link IllegalStateException}.
         */
        public Builder validationOnly() {
            this.validationOnly = true;
            return this;
        }

        /**
         * Builds the client without waiting for the cluster. Requests wait in the client until a broker answers and the
         * topics exist, within {@link Limits}. What is wrong with the address fails the requests, and not the build.
         */
        public Builder connectLater() {
            this.connectLater = true;
            return this;
        }

        /**
         * Waits until the cluster has told the topics, unless {@link #connectLater} is set.
         *
         * @throws ClientException if no broker answers, or a topic does not exist or cannot be read
         */
        public KafkaTidemarkClient build() {
            return new KafkaTidemarkClient(this);
        }
    }

    @Override
    public OpenRequest submit(GenerationRequest request) {
        try {
            return submit(request, Duration.ZERO);
        } catch (InterruptedException e) {
            throw ClientException.interrupted(e);
        }
    }

    @Override
    public OpenRequest submit(GenerationRequest request, Duration maxWait) throws InterruptedException {
        ResultReader results = requireReader();
        GenerationRequest named = request.hasId() ? request : request.id(idPrefix + ids.incrementAndGet());
        byte[] value = named.toBytes();
        String id = named.id().orElseGet(() -> named.field("id").asText());
        OpenRequest handle = handle(id, named.isStreaming(), this::cancelRecord);
        Optional<ClientException> refused = open.add(handle, named.id().isPresent(), value.length, maxWait);
        if (refused.isPresent()) {
            handle.fail(refused.get(), () -> {});
        } else if (value.length > Cluster.MAX_REQUEST_BYTES) {
            open.fail(
                    handle,
                    new ClientException.TooLarge(
                            name(handle), value.length, topics.requests(), new RecordTooLargeException()));
        } else {
            CompletableFuture<Void> after = named.isStreaming() ? results.followEvents() : results.opened();
            ProducerRecord<String, byte[]> record = record(handle, named, value);
            handle.send(() -> sender.add(name(handle), record, after, (metadata, failure) -> {
                if (failure == null) {
                    open.acknowledge(handle, source(metadata));
                } else {
                    open.fail(handle, notSent(handle, value.length, failure));
                }
            }));
        }
        return handle;
    }

    private static String name(OpenRequest handle) {
        return "request '" + handle.id() + "'";
    }

    private OpenRequest handle(String id, boolean streaming, Function<OpenRequest, CompletionStage<Void>> canceller) {
        byte[] correlation = new byte[CORRELATION_BYTES];
        random.nextBytes(correlation);
        return new OpenRequest(id, ByteBuffer.wrap(correlation), streaming, callbacks, streamBudget, canceller);
    }

    private ResultReader requireReader() {
        return reader.orElseThrow(() ->
                new IllegalStateException("this client was built for validation only; build another one for requests"));
    }

    private ProducerRecord<String, byte[]> record(OpenRequest handle, GenerationRequest request, byte[] value) {
        ProducerRecord<String, byte[]> record =
                new ProducerRecord<>(topics.requests(), request.key().orElse(null), value);
        request.headers().forEach((name, content) -> record.headers().add(name, content));
        record.headers()
                .add(RequestMessage.CORRELATION_HEADER, handle.correlation().array());
        replyTopic.ifPresent(name -> record.headers().add("kafka_replyTopic", name));
        return record;
    }

    private ClientException notSent(OpenRequest handle, int bytes, Exception failure) {
        if (failure instanceof TimeoutException) {
            return new ClientException.TimedOut(name(handle) + " was not acknowledged by the broker: "
                    + failure.getMessage() + "; it may have been sent: attach finds its result");
        }
        return ClientException.ofRecord(name(handle), bytes, topics.requests(), failure);
    }

    private static Source source(RecordMetadata metadata) {
        return new Source(metadata.topic(), metadata.partition(), metadata.offset());
    }

    @Override
    public List<OpenRequest> attach(Collection<String> attached, Instant since) {
        ResultReader results = requireReader();
        List<OpenRequest> handles =
                attached.stream().map(id -> handle(id, true, this::cancelId)).toList();
        if (isAttached(handles, Map.of())) {
            results.followEvents();
            readSince(results, since, handles);
        }
        return handles;
    }

    @Override
    public List<OpenRequest> attachRecords(Map<String, Source> records, Instant since) {
        ResultReader results = requireReader();
        Map<OpenRequest, Source> sources = new LinkedHashMap<>();
        records.forEach((id, record) -> sources.put(handle(id, true, this::cancelSource), record));
        List<OpenRequest> handles = List.copyOf(sources.keySet());
        if (isAttached(handles, sources)) {
            sources.forEach(OpenRequest::acknowledge);
            readSince(results, since, handles);
        }
        return handles;
    }

    /** Adds all requests to the open ones, or fails all. */
    private boolean isAttached(List<OpenRequest> handles, Map<OpenRequest, Source> sources) {
        Optional<ClientException> refused = open.attach(handles, sources);
        refused.ifPresent(cause -> handles.forEach(handle -> handle.fail(cause, () -> {})));
        return refused.isEmpty();
    }

    private void readSince(ResultReader results, Instant since, List<OpenRequest> handles) {
        results.readSince(since).whenComplete((done, failure) -> {
            if (failure != null) {
                handles.forEach(handle -> open.fail(
                        handle, ClientException.of("request '" + handle.id() + "' was not attached", failure)));
            }
        });
    }

    private CompletionStage<Void> cancelRecord(OpenRequest handle) {
        if (handle.withdraw()) {
            open.fail(handle, new ClientException.Cancelled(name(handle) + " was cancelled before it was sent"));
            return CompletableFuture.completedStage(null);
        }
        return cancelSource(handle);
    }

    private CompletionStage<Void> cancelSource(OpenRequest handle) {
        return handle.record()
                .thenCompose(record -> sendCancellation(handle.id(), CancellationMessage.ofSource(record)));
    }

    private CompletionStage<Void> cancelId(OpenRequest handle) {
        return sendCancellation(handle.id(), CancellationMessage.ofId(handle.id()));
    }

    private CompletionStage<Void> sendCancellation(String id, CancellationMessage cancellation) {
        String name = "the cancellation of '" + id + "'";
        if (cancellations.incrementAndGet() > maxCancellations) {
            cancellations.decrementAndGet();
            return CompletableFuture.failedStage(new ClientException.TooManyOpen(
                    name + " was not sent: " + maxCancellations + " wait for the broker, which is the limit of"
                            + " Limits.openRequests; wait for their stages"));
        }
        CompletableFuture<Void> acknowledged = new CompletableFuture<>();
        sender.add(
                name,
                new ProducerRecord<>(topics.cancellations(), id, TopicJson.write(cancellation)),
                CompletableFuture.completedFuture(null),
                (metadata, failure) -> {
                    cancellations.decrementAndGet();
                    callbacks.execute(() -> {
                        if (failure == null) {
                            acknowledged.complete(null);
                        } else {
                            acknowledged.completeExceptionally(ClientException.of(name + " was not sent", failure));
                        }
                    });
                });
        return acknowledged.minimalCompletionStage();
    }

    @Override
    public CompletionStage<BatchOutcome> validate(RawValidationBatch batch) {
        try {
            return validate(batch, Duration.ZERO);
        } catch (InterruptedException e) {
            throw ClientException.interrupted(e);
        }
    }

    @Override
    public CompletionStage<BatchOutcome> validate(RawValidationBatch batch, Duration maxWait)
            throws InterruptedException {
        return batches.add(batch, maxWait);
    }

    @Override
    public SortedMap<String, TableEntry> boundaries() {
        return boundaries.read();
    }

    @Override
    public Flow.Publisher<BoundaryChange> watchBoundaries() {
        return watch;
    }

    @Override
    public int openRequests() {
        return open.size();
    }

    @Override
    public void close(Duration maxWait) {
        boolean interrupted = false;
        try {
            open.close(maxWait);
        } catch (InterruptedException e) {
            interrupted = true;
        }
        reader.ifPresent(ResultReader::stop);
        batches.stop();
        watch.close();
        long end = System.nanoTime() + Math.min(Limits.nanos(maxWait), LONGEST_SEND.toNanos());
        try {
            sender.close(Duration.ofNanos(end - System.nanoTime()));
        } catch (InterruptedException e) {
            interrupted = true;
        }
        producer.close(Duration.ofNanos(Math.max(0, end - System.nanoTime())));
        ownCallbacks.ifPresent(CallbackThreads::shutdown);
        try {
            // a callback on the thread that reads cannot wait for its end
            if (thread.isPresent() && thread.get() != Thread.currentThread()) {
                thread.get().join(LONGEST_POLL.toMillis());
            }
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** A callback that is not run would leave its request open. */
    private static Executor refusingNone(Executor executor) {
        return task -> {
            try {
                executor.execute(task);
            } catch (RejectedExecutionException e) {
                task.run();
            }
        };
    }
}
