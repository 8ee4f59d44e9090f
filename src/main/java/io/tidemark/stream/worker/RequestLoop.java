package io.tidemark.stream.worker;

import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.worker.AnswerTransactions.Entry;
import io.tidemark.stream.worker.AnswerTransactions.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.jboss.logging.Logger;

/**
 * Reads requests, starts them, and commits each answer together with the offset of its request. All of it happens in
 * one loop on the thread {@code tidemark-requests}: commit what has ended, start requests, poll. No transaction is
 * therefore open during a poll, in which partitions are assigned, revoked and lost.
 *
 * <ul>
 *   <li>Assigned: the transaction of a dead owner is ended, offset and metadata are read, and a commit names this
 *       process as the owner before the first request starts.
 *   <li>Revoked: requests that can end within {@code revoke-grace} do so; the others are abandoned. What has ended is
 *       committed, and the last commit names no owner.
 *   <li>Lost: all requests of the partition are abandoned, and nothing is committed.
 * </ul>
 *
 * <p>An error of the consumer ends its session: all requests are abandoned, and a new consumer joins the group.
 */
final class RequestLoop implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(RequestLoop.class);
    private static final Duration POLL = Duration.ofMillis(100);
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long ADMIN_TIMEOUT_S = 30;
    /** Time of one call of the consumer; it is repeated until the end of the process. */
    private static final Duration CALL = Duration.ofSeconds(5);
    /** Time beyond the grace period in which a call of a broker that does not respond is repeated. */
    private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(5);
    /** Upper bound for the last calls and for the end of the clients. */
    private static final Duration CLIENTS_CLOSE = Duration.ofSeconds(20);

    private static final Duration CLIENT_CLOSE = Duration.ofSeconds(5);
    /** Records of one poll, and of one partition that are read and have not started. */
    private static final int READ_AHEAD = 32;

    private static final int MAX_RESULTS_PER_TRANSACTION = 500;
    private static final int MAX_RELEASE_FAILURES = 3;

    /** With these, another worker has the partitions of a killed one within 11 s. */
    private static final Map<String, Object> TAKE_OVER =
            Map.of(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, 8_000, ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 2_000);

    /** A result that no broker takes, as for a deleted reply topic, delays the others this long, and not two minutes. */
    private static final Map<String, Object> SEND_TIMEOUTS =
            Map.of(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, 10_000, ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, 15_000);

    /**
     * @param group       consumer group of the workers
     * @param worker      transactional id of this process
     * @param maxOpen     requests that run or wait in the engine together
     * @param lowerShare  share of starts of lower topics, see {@link ReadAhead}
     * @param revokeGrace time that requests of a revoked partition have to end
     * @param grace       time that open requests have to end after {@link #stop}
     */
    record Options(String group, String worker, int maxOpen, double lowerShare, Duration revokeGrace, Duration grace) {}

    private final Options options;
    private final KafkaConnection kafka;
    private final TopicLayout topics;
    private final ReplyRouting routing;
    private final RequestLifecycle requests;
    private final Thread thread = new Thread(this::run, "tidemark-requests");
    private final AtomicReference<String> disruption = new AtomicReference<>();
    private final CompletableFuture<Throwable> failure = new CompletableFuture<>();
    private final Object wakeLock = new Object();
    /** The consumer that polls at the moment. Guarded by {@code wakeLock}. */
    private Optional<Consumer<?, ?>> polling = Optional.empty();

    private volatile int openRequests;
    private volatile int abandonedRequests;
    private volatile boolean stopping;
    private volatile boolean crashed;
    private volatile long stopNanos;
    private volatile long lastTurnNanos = System.nanoTime();

    RequestLoop(
            Options options,
            KafkaConnection kafka,
            TopicLayout topics,
            ReplyRouting routing,
            RequestLifecycle requests) {
        this.options = options;
        this.kafka = kafka;
        this.topics = topics;
        this.routing = routing;
        this.requests = requests;
    }

    void start() {
        thread.start();
    }

    /** Starts no more requests, and ends the loop when the open ones are answered or their grace period is over. */
    void stop() {
        stopNanos = System.nanoTime();
        stopping = true;
        wake();
    }

    /**
     * Ends the loop without a release of the partitions, because the engine has failed: the next owners count a death.
     */
    void crash() {
        crashed = true;
        requests.abandonAll();
        wake();
    }

    /** Number of requests that run or wait in the engine. */
    int openRequests() {
        return openRequests;
    }

    /** Number of open requests that were abandoned because the grace period was over. */
    int abandonedRequests() {
        return abandonedRequests;
    }

    /** Why requests are not answered at the moment, for a health check. */
    Optional<String> disruption() {
        return Optional.ofNullable(disruption.get());
    }

    /** Time since the last turn of the loop. */
    Duration sinceLastTurn() {
        return Duration.ofNanos(System.nanoTime() - lastTurnNanos);
    }

    /** Completed with the error that has ended the thread. */
    CompletableFuture<Throwable> failure() {
        return failure;
    }

    boolean isAlive() {
        return thread.isAlive();
    }

    /**
     * Waits for the end of the loop, for at most 25 s more than the grace period. Call {@link #stop} or {@link #crash}
     * before.
     */
    @Override
    public void close() {
        try {
            thread.join(
                    options.grace().plusNanos(CLOSE_NANOS).plus(CLIENTS_CLOSE).toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        try {
            while (!isOver()) {
                try (Session session = new Session()) {
                    session.run();
                } catch (KafkaException e) {
                    LOG.warnf("requests are read again from the last commit: %s", e.getMessage());
                    retryAfter(e);
                } catch (RuntimeException e) {
                    LOG.error("requests are read again from the last commit", e);
                    retryAfter(e);
                }
            }
        } catch (Error e) {
            LOG.error("the thread that reads requests has failed", e);
            failure.complete(e);
        }
    }

    private void retryAfter(RuntimeException reason) {
        disruption.set(String.valueOf(reason.getMessage()));
        if (!isOver()) {
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    private boolean isOver() {
        return stopping || crashed;
    }

    private boolean isGraceOver() {
        return stopping && System.nanoTime() - stopNanos > options.grace().toNanos();
    }

    /** Whether a broker that does not respond should no longer delay the end of the process. */
    private boolean givesUp() {
        return crashed
                || stopping && System.nanoTime() - stopNanos > options.grace().toNanos() + CLOSE_NANOS;
    }

    /** Makes a poll return. */
    private void wake() {
        synchronized (wakeLock) {
            polling.ifPresent(Consumer::wakeup);
        }
    }

    /** Repeats a call that has timed out, or that a wakeup, meant for the poll around it, has ended. */
    private <T> T untilAnswered(Supplier<T> call) {
        while (true) {
            try {
                return call.get();
            } catch (WakeupException e) {
                LOG.trace("a call was woken up and is repeated");
            } catch (TimeoutException e) {
                if (givesUp()) {
                    throw e;
                }
                LOG.warnf("the call is repeated: %s", e.getMessage());
            }
        }
    }

    /** A consumer, the producer of results, and the partitions that are owned. */
    private final class Session implements ConsumerRebalanceListener, AutoCloseable {

        private final Consumer<byte[], byte[]> consumer;
        private final Admin admin;
        private final AnswerTransactions transactions;
        private final Map<TopicPartition, PartitionProgress> owned = new LinkedHashMap<>();
        private final ReadAhead readAhead = new ReadAhead(topics.requestTopics(), options.lowerShare(), READ_AHEAD);
        /** Started requests, until their answer is here. */
        private final Map<IncomingRequest, PartitionProgress> running = new HashMap<>();
        /** Answers from other threads. */
        private final ConcurrentLinkedQueue<Entry> ended = new ConcurrentLinkedQueue<>();
        /** Answers to be committed. */
        private List<Entry> uncommitted = new ArrayList<>();

        private boolean backOff;

        Session() {
            consumer = newConsumer();
            try {
                admin = kafka.newAdmin();
            } catch (RuntimeException e) {
                consumer.close();
                throw e;
            }
            try {
                transactions = new AnswerTransactions(
                        RequestLoop.this::newProducer, topics, routing, () -> givesUp() || isOver() && owned.isEmpty());
            } catch (RuntimeException e) {
                admin.close();
                consumer.close();
                throw e;
            }
        }

        void run() {
            consumer.subscribe(topics.requestTopics(), this);
            while (!crashed) {
                commit();
                if (stopping && (running.isEmpty() && uncommitted.isEmpty() || isGraceOver())) {
                    abandonedRequests = running.size();
                    release(owned.keySet());
                    return;
                }
                startRequests();
                pausePartitions();
                read(poll());
                if (uncommitted.isEmpty()) {
                    disruption.set(null);
                }
                report();
            }
        }

        private void report() {
            openRequests = running.size();
            lastTurnNanos = System.nanoTime();
        }

        private ConsumerRecords<byte[], byte[]> poll() {
            synchronized (wakeLock) {
                polling = Optional.of(consumer);
            }
            try {
                return consumer.poll(!backOff && hasWork() ? Duration.ZERO : POLL);
            } catch (WakeupException e) {
                return ConsumerRecords.empty();
            } finally {
                synchronized (wakeLock) {
                    polling = Optional.empty();
                }
                backOff = false;
            }
        }

        private boolean hasWork() {
            return !ended.isEmpty() || owned.values().stream().anyMatch(PartitionProgress::isStale);
        }

        private void read(ConsumerRecords<byte[], byte[]> records) {
            long attempt = consumer.groupMetadata().generationId();
            for (ConsumerRecord<byte[], byte[]> record : records) {
                IncomingRequest request = new IncomingRequest(record, attempt);
                PartitionProgress progress = owned.get(request.position().partition());
                if (progress != null && progress.open(record.offset())) {
                    readAhead.add(request);
                }
            }
        }

        /** Stops the fetch of partitions that have enough requests here, and continues that of the others. */
        private void pausePartitions() {
            Set<TopicPartition> full = owned.values().stream()
                    .filter(each -> stopping || each.isWindowFull() || readAhead.isFull(each.partition()))
                    .map(PartitionProgress::partition)
                    .collect(Collectors.toSet());
            Set<TopicPartition> paused = consumer.paused();
            if (!paused.equals(full)) {
                consumer.resume(
                        paused.stream().filter(each -> !full.contains(each)).toList());
                consumer.pause(full);
            }
        }

        private void startRequests() {
            if (stopping || owned.values().stream().anyMatch(PartitionProgress::isStale)) {
                // a partition is named in a commit before its requests run
                return;
            }
            Optional<PartitionProgress> alone = owned.values().stream()
                    .filter(each -> each.crashes().isAlone()
                            && readAhead.peek(each.partition()).isPresent())
                    .findFirst();
            if (alone.isPresent()) {
                if (running.isEmpty() && uncommitted.isEmpty()) {
                    startAlone(alone.get());
                }
                return;
            }
            owned.values().forEach(PartitionProgress::setBusy);
            if (owned.values().stream().anyMatch(PartitionProgress::isStale)) {
                return;
            }
            // results that can't be written don't pile up
            while (running.size() < options.maxOpen() && uncommitted.size() < MAX_RESULTS_PER_TRANSACTION) {
                Optional<IncomingRequest> next = readAhead.take();
                if (next.isEmpty()) {
                    return;
                }
                start(next.get());
            }
        }

        /** Starts the oldest request of a partition as the only one of the process, after a commit has named it. */
        private void startAlone(PartitionProgress progress) {
            TopicPartition partition = progress.partition();
            long offset = readAhead.peek(partition).orElseThrow().record().offset();
            owned.values().stream().filter(each -> each != progress).forEach(PartitionProgress::setIdle);
            if (!progress.crashes().isTrying(offset)) {
                LOG.warnf("the request at %s-%d runs alone, because workers have died", partition, offset);
                progress.tryAlone(offset);
            }
            if (owned.values().stream().anyMatch(PartitionProgress::isStale)) {
                return;
            }
            IncomingRequest request = readAhead.take(partition).orElseThrow();
            if (progress.crashes().isCulprit(offset)) {
                LOG.errorf("the request at %s-%d has ended workers and is not repeated", partition, offset);
                uncommitted.add(new Entry(request, progress, requests.crashed(request)));
            } else {
                start(request);
            }
        }

        private void start(IncomingRequest request) {
            PartitionProgress progress = owned.get(request.position().partition());
            running.put(request, progress);
            requests.answer(request).thenAccept(answer -> {
                ended.add(new Entry(request, progress, answer));
                wake();
            });
        }

        /**
         * Commits what has ended, if anything, and the metadata of partitions in which it has changed. Returns false if
         * nothing was committed.
         */
        private boolean commit() {
            for (Entry entry = ended.poll(); entry != null; entry = ended.poll()) {
                if (running.remove(entry.request()) != null) {
                    uncommitted.add(entry);
                }
            }
            List<Entry> batch = uncommitted.stream()
                    .filter(entry -> !entry.isUnwritable()
                            && entry.progress().fits(entry.request().record().offset()))
                    .limit(MAX_RESULTS_PER_TRANSACTION)
                    .toList();
            Map<PartitionProgress, List<Long>> offsets = new LinkedHashMap<>();
            owned.values().stream()
                    .filter(PartitionProgress::isStale)
                    .forEach(progress -> offsets.put(progress, new ArrayList<>()));
            batch.forEach(entry -> offsets.computeIfAbsent(entry.progress(), any -> new ArrayList<>())
                    .add(entry.request().record().offset()));
            if (offsets.isEmpty()) {
                return false;
            }
            Map<TopicPartition, OffsetAndMetadata> commits = new HashMap<>();
            offsets.forEach((progress, ends) -> commits.put(progress.partition(), progress.commit(ends)));
            Outcome outcome = transactions.write(batch, commits, consumer.groupMetadata());
            if (outcome == Outcome.COMMITTED) {
                offsets.forEach(PartitionProgress::committed);
                done(new HashSet<>(batch));
                return true;
            }
            backOff = true;
            disruption.set(
                    "results can't be committed: " + transactions.failure().orElse("unknown"));
            if (outcome == Outcome.REPLACED) {
                reconcile();
            }
            return false;
        }

        private void done(Set<Entry> committed) {
            uncommitted = uncommitted.stream()
                    .filter(entry -> !committed.contains(entry))
                    .collect(Collectors.toCollection(ArrayList::new));
            committed.forEach(entry -> entry.answer().onCommitted().run());
        }

        /**
         * Finds out what a transaction of unknown outcome has committed.
         *
         * @throws KafkaException if a partition has another owner; the next session finds out what is left
         */
        private void reconcile() {
            Map<TopicPartition, OffsetAndMetadata> committed =
                    untilAnswered(() -> consumer.committed(new HashSet<>(owned.keySet()), CALL));
            for (PartitionProgress progress : List.copyOf(owned.values())) {
                OffsetAndMetadata offset = committed.get(progress.partition());
                if (offset == null) {
                    continue;
                }
                CommitMetadata metadata = CommitMetadata.of(progress.partition().toString(), offset);
                if (metadata.owner()
                        .filter(owner -> !owner.equals(options.worker()))
                        .isPresent()) {
                    throw new KafkaException("partition " + progress.partition() + " has another owner");
                }
                Set<Long> ends = progress.reconcile(offset.offset(), metadata.finished());
                done(uncommitted.stream()
                        .filter(entry -> entry.progress() == progress
                                && ends.contains(entry.request().record().offset()))
                        .collect(Collectors.toSet()));
            }
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            if (partitions.isEmpty()) {
                return;
            }
            // first the owners, without a wait for open transactions, in order to end these
            Map<TopicPartition, OffsetAndMetadata> last = lastCommits(partitions);
            endTransactionsOf(last.entrySet().stream()
                    .map(entry -> CommitMetadata.of(entry.getKey().toString(), entry.getValue()))
                    .flatMap(metadata -> metadata.owner().stream())
                    .filter(owner -> !owner.equals(options.worker()))
                    .collect(Collectors.toSet()));
            Map<TopicPartition, OffsetAndMetadata> committed =
                    untilAnswered(() -> consumer.committed(new HashSet<>(partitions), CALL));
            Map<TopicPartition, Long> ends = untilAnswered(() -> consumer.endOffsets(partitions, CALL));
            for (TopicPartition partition : partitions) {
                long offset = untilAnswered(() -> consumer.position(partition, CALL));
                CommitMetadata metadata = CommitMetadata.of(partition.toString(), committed.get(partition));
                boolean died = metadata.owner()
                                .filter(owner -> !owner.equals(options.worker()))
                                .isPresent()
                        && !metadata.idle()
                        && ends.get(partition) > offset;
                CrashHistory crashes = died
                        ? metadata.crashes()
                                .afterDeath(offset, (int) Math.min(options.maxOpen(), ends.get(partition) - offset))
                        : metadata.crashes();
                owned.put(
                        partition,
                        new PartitionProgress(partition, options.worker(), offset, metadata.finished(), crashes));
            }
            LOG.infof("owns %d partitions, of which %d are new", owned.size(), partitions.size());
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            if (crashed || !owned.keySet().containsAll(partitions)) {
                // the session closes and has given its partitions back or not
                drop(partitions);
                return;
            }
            long end = System.nanoTime() + options.revokeGrace().toNanos();
            partitions.forEach(readAhead::remove);
            double seconds = options.revokeGrace().toMillis() / 1e3;
            for (IncomingRequest request : runningOf(partitions)) {
                OptionalDouble left = requests.secondsLeft(request);
                if (left.isEmpty() || left.getAsDouble() > seconds) {
                    abandon(request);
                }
            }
            while (!runningOf(partitions).isEmpty() && System.nanoTime() < end && !isGraceOver() && !crashed) {
                commit();
                startRequests();
                report();
                LockSupport.parkNanos(pauseNanos());
            }
            if (crashed) {
                drop(partitions);
            } else {
                release(partitions);
            }
        }

        @Override
        public void onPartitionsLost(Collection<TopicPartition> partitions) {
            LOG.warnf("lost %d partitions; their requests are abandoned", partitions.size());
            drop(partitions);
        }

        /** Time between two attempts to commit outside of a poll: longer after a failure. */
        private long pauseNanos() {
            long nanos = backOff ? POLL.toNanos() : TimeUnit.MILLISECONDS.toNanos(5);
            backOff = false;
            return nanos;
        }

        /** Commits what has ended, names no owner, and abandons the rest. */
        private void release(Collection<TopicPartition> partitions) {
            List<TopicPartition> all = List.copyOf(partitions);
            runningOf(all).forEach(this::abandon);
            List<PartitionProgress> released = all.stream().map(owned::get).toList();
            released.forEach(PartitionProgress::release);
            int failures = 0;
            while (failures < MAX_RELEASE_FAILURES
                    && (released.stream().anyMatch(PartitionProgress::isStale)
                            || uncommitted.stream().anyMatch(entry -> released.contains(entry.progress())))) {
                if (!commit()) {
                    failures++;
                    LockSupport.parkNanos(pauseNanos());
                }
            }
            drop(all);
        }

        /** Forgets partitions. Their requests are abandoned and their answers are dropped. */
        private void drop(Collection<TopicPartition> partitions) {
            runningOf(partitions).forEach(this::abandon);
            for (TopicPartition partition : List.copyOf(partitions)) {
                readAhead.remove(partition);
                PartitionProgress progress = owned.remove(partition);
                uncommitted.removeIf(entry -> entry.progress() == progress);
            }
        }

        private void abandon(IncomingRequest request) {
            running.remove(request);
            requests.abandon(request);
        }

        private List<IncomingRequest> runningOf(Collection<TopicPartition> partitions) {
            return running.keySet().stream()
                    .filter(request -> partitions.contains(request.position().partition()))
                    .toList();
        }

        /** The committed offsets, without those of open transactions. */
        private Map<TopicPartition, OffsetAndMetadata> lastCommits(Collection<TopicPartition> partitions) {
            Map<TopicPartition, OffsetAndMetadata> commits = new HashMap<>(await(admin.listConsumerGroupOffsets(
                            Map.of(options.group(), new ListConsumerGroupOffsetsSpec().topicPartitions(partitions)))
                    .partitionsToOffsetAndMetadata(options.group())
                    .toCompletionStage()
                    .toCompletableFuture()));
            commits.values().removeIf(offset -> offset == null);
            return commits;
        }

        /** Aborts the open transactions of workers that have died, which would delay their successors for 20 s. */
        private void endTransactionsOf(Set<String> owners) {
            if (owners.isEmpty()) {
                return;
            }
            LOG.infof("ends the transactions of %s, which did not give its partitions back", owners);
            try {
                await(admin.fenceProducers(owners).all().toCompletionStage().toCompletableFuture());
            } catch (KafkaException e) {
                LOG.warnf(
                        "the transactions of %s could not be ended; their timeout ends them: %s",
                        owners, e.getMessage());
            }
        }

        private <T> T await(CompletableFuture<T> future) {
            for (int seconds = 1; ; seconds++) {
                try {
                    return future.get(1, TimeUnit.SECONDS);
                } catch (InterruptedException e) {
                    throw new InterruptException(e);
                } catch (ExecutionException e) {
                    throw e.getCause() instanceof KafkaException kafkaFailure
                            ? kafkaFailure
                            : new KafkaException(e.getCause());
                } catch (java.util.concurrent.TimeoutException e) {
                    if (seconds >= ADMIN_TIMEOUT_S || givesUp()) {
                        throw new KafkaException("the cluster did not answer within " + seconds + " s", e);
                    }
                }
            }
        }

        /** Abandons what is open. Leaves the group. */
        @Override
        public void close() {
            drop(List.copyOf(owned.keySet()));
            openRequests = 0;
            try (transactions) {
                consumer.close(CloseOptions.timeout(CLIENT_CLOSE));
            } finally {
                admin.close(Duration.ZERO);
            }
        }
    }

    private Producer<byte[], byte[]> newProducer() {
        Map<String, Object> config = new HashMap<>(Map.of(
                // bounds how long a dead worker delays readers, if no other worker ends its transaction
                ProducerConfig.TRANSACTION_TIMEOUT_CONFIG,
                10_000,
                ProducerConfig.MAX_BLOCK_MS_CONFIG,
                5_000,
                ProducerConfig.LINGER_MS_CONFIG,
                0,
                ProducerConfig.CLIENT_ID_CONFIG,
                "tidemark-results"));
        if (SEND_TIMEOUTS.keySet().stream().noneMatch(kafka.properties()::containsKey)) {
            config.putAll(SEND_TIMEOUTS);
        }
        return kafka.newTransactionalProducer(options.worker(), config);
    }

    private Consumer<byte[], byte[]> newConsumer() {
        Map<String, Object> config = new HashMap<>(Map.of(
                ConsumerConfig.GROUP_ID_CONFIG,
                options.group(),
                ConsumerConfig.GROUP_PROTOCOL_CONFIG,
                "classic",
                ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
                CooperativeStickyAssignor.class.getName(),
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
                "earliest",
                ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG,
                "false",
                // requests of aborted transactions are not answered, and committed offsets are not read from open ones
                ConsumerConfig.ISOLATION_LEVEL_CONFIG,
                "read_committed",
                ConsumerConfig.MAX_POLL_RECORDS_CONFIG,
                READ_AHEAD));
        TAKE_OVER.forEach((name, value) -> {
            if (!kafka.properties().containsKey(name)) {
                config.put(name, value);
            }
        });
        return kafka.newConsumer(config);
    }
}
