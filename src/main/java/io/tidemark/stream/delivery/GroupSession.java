package io.tidemark.stream.delivery;

import io.tidemark.stream.delivery.commit.PendingAnswers;
import io.tidemark.stream.delivery.commit.PendingAnswer;
import io.tidemark.stream.delivery.commit.AnswerCommits;
import io.tidemark.stream.delivery.start.Tenants;
import io.tidemark.stream.delivery.start.OpenShares;
import io.tidemark.stream.delivery.start.ReadAhead;
import io.tidemark.stream.delivery.start.CrashIsolation;
import io.tidemark.stream.delivery.reply.ReplyRouting;
import io.tidemark.stream.delivery.reply.Delivery;
import io.tidemark.stream.delivery.partition.PartitionLogs;
import io.tidemark.stream.delivery.partition.PartitionTakeover;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.partition.ReadPositions;
import io.tidemark.request.RequestRunner;
import io.tidemark.stream.delivery.start.CrashIsolation.Permit;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.jboss.logging.Logger;

/**
 * The membership of a worker in its consumer group: the consumer, the partitions that are owned, and their requests.
 * {@link #turn} begins a transaction with what has ended, starts requests, and polls. A transaction runs during the
 * poll. A poll in which a partition is revoked waits for the end of the transaction, before another member can get the
 * partition.
 *
 * <ul>
 *   <li>Assigned: {@link PartitionTakeover} reads the progress, and a commit names this process as the owner before the
 *       first request starts.
 *   <li>Revoked: requests that can end within {@code revoke-grace} do so; the others are abandoned. What has ended is
 *       committed, and the last commit names no owner.
 *   <li>Lost: all requests of the partition are abandoned, and nothing is committed.
 * </ul>
 *
 * <p>Used by the thread {@code tidemark-requests}. Answers arrive from other threads.
 */
final class GroupSession implements ConsumerRebalanceListener, AutoCloseable {

    private static final Logger LOG = Logger.getLogger(GroupSession.class);
    /** Records of one partition that are read and have not started. */
    private static final int READ_AHEAD = 32;
    /** Of one poll without work. */
    private static final Duration POLL = Duration.ofMillis(100);
    /** Time between two searches for requests that have ended before they start. */
    private static final long ENDED_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private static final Duration CLIENT_CLOSE = Duration.ofSeconds(5);
    /** Time between two commits of idle partitions. */
    private static final long SKIP_NANOS = TimeUnit.SECONDS.toNanos(5);
    /** Time to commit the release of revoked partitions; other members wait for it. */
    private static final long RELEASE_NANOS = TimeUnit.SECONDS.toNanos(15);

    /** Time in which only partitions are read whose requests run alone. */
    private static final long ISOLATED_READ_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final DeliveryOptions options;
    private final Parts parts;
    private final RequestRunner requests;
    private final ReplyRouting routing;
    private final LoopControl control;
    private final DeliveryStatus status;
    private final Time time;
    private final Consumer<byte[], byte[]> consumer;
    private final PendingAnswers answers;
    private final ReadAhead readAhead;
    private final CrashIsolation isolation;
    private final AnswerCommits commits;
    private final Map<TopicPartition, PartitionProgress> owned = new LinkedHashMap<>();
    /** Started requests without an answer. */
    private final Set<Delivery> running = new HashSet<>();
    /** Abandoned requests of owned partitions that seemed to hang then. */
    private final Set<Delivery> seemedToHang = new HashSet<>();
    /** Answers from other threads. */
    private final ConcurrentLinkedQueue<PendingAnswer> ended = new ConcurrentLinkedQueue<>();

    private long skippedNanos;

    private long endedNanos;

    /** When no request ran alone last, or the last one did. */
    private long aloneNanos;

    /**
     * The clients of a session and what uses them. The session closes them.
     *
     * @param tenants who may have sent requests
     */
    record Parts(
            Consumer<byte[], byte[]> consumer,
            Admin admin,
            PartitionTakeover takeover,
            ReadPositions positions,
            PendingAnswers answers,
            Tenants tenants,
            Backlog backlog,
            PartitionLogs logs) {}

    GroupSession(
            DeliveryOptions options,
            Parts parts,
            RequestRunner requests,
            ReplyRouting routing,
            LoopControl control,
            DeliveryStatus status,
            Time time) {
        this.options = options;
        this.parts = parts;
        this.requests = requests;
        this.routing = routing;
        this.control = control;
        this.status = status;
        this.time = time;
        this.consumer = parts.consumer();
        this.answers = parts.answers();
        this.readAhead = new ReadAhead(parts.tenants(), options.lowerShare(), READ_AHEAD, options.budget());
        this.isolation = new CrashIsolation(readAhead);
        this.commits = new AnswerCommits(
                answers, parts.takeover(), options.transactionalId(), owned, consumer::groupMetadata, status, time);
        this.skippedNanos = time.nanoTime();
        this.endedNanos = skippedNanos;
        this.aloneNanos = skippedNanos;
    }

    /** Joins the group with the first poll. */
    void subscribe(Collection<String> topics) {
        consumer.subscribe(topics, this);
    }

    /** One turn. Returns false when the session has ended: after a crash, or when it has released its partitions. */
    boolean turn() {
        if (control.isCrashed()) {
            status.abandoned(running.size());
            return false;
        }
        takeAnswers();
        commits.turn();
        boolean answered = running.isEmpty() && answers.writable().findAny().isEmpty();
        if (control.isStopping() && (answered || control.isGraceOver())) {
            status.abandoned(running.size());
            releaseAll();
            return false;
        }
        startRequests();
        pausePartitions();
        read(poll());
        skip();
        // a request that was just read does not wait for the next turn
        startRequests();
        status.disrupted(commits.disruption());
        turned();
        parts.logs().turned(owned.values());
        return true;
    }

    private void turned() {
        status.turned(running.size());
        status.heap(readAhead.bytes(), openShares().bytes());
        status.open(oldestNanos(), isolating().size());
        parts.backlog().turned(owned, started());
    }

    /** Requests that run or whose answers are not committed. */
    private Stream<Delivery> started() {
        return Stream.concat(running.stream(), answers.all().map(PendingAnswer::delivery));
    }

    /** When the oldest request was received that has no committed answer. */
    private OptionalLong oldestNanos() {
        return Stream.concat(started(), readAhead.heads())
                .mapToLong(delivery -> delivery.request().receivedNanos())
                .reduce((first, second) -> first - second < 0 ? first : second);
    }

    /** The owned partitions whose requests run alone. */
    private List<PartitionProgress> isolating() {
        return owned.values().stream()
                .filter(each -> each.crashes().isIsolating())
                .toList();
    }

    /** Passes offsets without records. Called after {@link #read}: all records below the positions have been opened. */
    private void skip() {
        if (time.nanosSince(skippedNanos) >= SKIP_NANOS) {
            skippedNanos = time.nanoTime();
            owned.values().forEach(each -> position(consumer, each.partition()).ifPresent(each::skipTo));
        }
    }

    /** The position of a consumer. Does not wait: empty if it is not known, which makes the consumer ask a broker. */
    static OptionalLong position(Consumer<?, ?> consumer, TopicPartition partition) {
        try {
            return OptionalLong.of(consumer.position(partition, Duration.ZERO));
        } catch (TimeoutException | WakeupException | IllegalStateException e) {
            LOG.debugf("the position in %s is not known: %s", partition, e.getMessage());
            return OptionalLong.empty();
        }
    }

    private ConsumerRecords<byte[], byte[]> poll() {
        control.polls(Optional.of(consumer));
        try {
            return consumer.poll(commits.isDue(!ended.isEmpty()) ? Duration.ZERO : POLL);
        } catch (WakeupException e) {
            return ConsumerRecords.empty();
        } catch (OffsetOutOfRangeException e) {
            parts.positions().outOfRange(e);
            return ConsumerRecords.empty();
        } finally {
            control.polls(Optional.empty());
            commits.polled();
        }
    }

    private void read(ConsumerRecords<byte[], byte[]> records) {
        long attempt = consumer.groupMetadata().generationId();
        for (ConsumerRecord<byte[], byte[]> record : records) {
            PartitionProgress progress = owned.get(new TopicPartition(record.topic(), record.partition()));
            if (progress == null) {
                continue;
            }
            if (progress.isBehind(record.offset())) {
                throw new KafkaException("partition " + progress.partition() + " was truncated to offset "
                        + record.offset() + " or before");
            }
            progress.read(record.leaderEpoch());
            parts.backlog().read(progress.partition());
            if (progress.open(record.offset())) {
                readAhead.add(new Delivery(
                        record,
                        progress,
                        routing.reply(record),
                        attempt,
                        time.nanoTime(),
                        parts.tenants().of(record),
                        requests.contextLength()));
            }
        }
    }

    /**
     * Pauses the partitions of which enough is read, and resumes the others. While requests run alone, nothing is read
     * ahead, so that the request that runs alone is the only possible cause of a death: all partitions are paused until
     * it has its answer. Then those are read first whose requests run alone. The others wait for them for a few
     * seconds only, because a partition may have no leader.
     */
    private void pausePartitions() {
        boolean alone = isolation.runsAlone(owned.values(), unanswered());
        List<PartitionProgress> isolating = isolating();
        if (alone || isolating.isEmpty()) {
            aloneNanos = time.nanoTime();
        }
        boolean isolatedFirst = isolating.stream().anyMatch(each -> mayHaveMore(each.partition()))
                && time.nanosSince(aloneNanos) < ISOLATED_READ_NANOS;
        Set<TopicPartition> full = owned.values().stream()
                .filter(each -> control.isOver()
                        || alone
                        || isolatedFirst && !each.crashes().isIsolating()
                        || each.isWindowFull()
                        || readAhead.isFull(each.partition(), owned.size()))
                .map(PartitionProgress::partition)
                .collect(Collectors.toSet());
        Set<TopicPartition> paused = consumer.paused();
        if (!paused.equals(full)) {
            consumer.resume(paused.stream().filter(each -> !full.contains(each)).toList());
            consumer.pause(full);
        }
    }

    private boolean mayHaveMore(TopicPartition partition) {
        OptionalLong lag = consumer.currentLag(partition);
        return lag.isEmpty() || lag.getAsLong() > 0;
    }

    /** Requests that run or whose answers can be written and are not committed. */
    private Stream<Delivery> unanswered() {
        return Stream.concat(running.stream(), answers.writable().map(PendingAnswer::delivery));
    }

    private void startRequests() {
        if (control.isOver()) {
            return;
        }
        Permit permit = isolation.next(owned.values(), unanswered());
        if (permit instanceof Permit.Alone alone) {
            start(alone.delivery());
        } else if (permit instanceof Permit.Crashing crashing) {
            Delivery delivery = crashing.delivery();
            answers.add(new PendingAnswer(delivery, requests.crashed(delivery.request())));
        } else if (permit instanceof Permit.Anything) {
            startAny();
        }
    }

    private void startAny() {
        OpenShares open = openShares();
        startEnded(open);
        // results that can't be written don't pile up
        while (running.size() < options.maxRunning() && answers.size() < PendingAnswers.MAX_RESULTS_PER_TRANSACTION) {
            Optional<Delivery> next = readAhead.take(open);
            if (next.isEmpty()) {
                return;
            }
            start(next.get());
            open.add(next.get(), openBytes(next.get()), true);
        }
    }

    /** Starts requests whose deadline has passed or that are cancelled: they need no place in the engine. */
    private void startEnded(OpenShares open) {
        if (time.nanosSince(endedNanos) >= ENDED_NANOS) {
            endedNanos = time.nanoTime();
            readAhead
                    .take(open, delivery -> requests.hasEnded(delivery.request()))
                    .forEach(this::start);
        }
    }

    /** The heap of the requests that run, with the most that their answers may use, and of unsent answers. */
    private OpenShares openShares() {
        OpenShares open = new OpenShares(
                options.budget().openBytes(), parts.tenants().all().size(), owned.size());
        running.forEach(each -> open.add(each, openBytes(each), true));
        answers.all().forEach(each -> open.add(each.delivery(), each.heapBytes(), false));
        return open;
    }

    private long openBytes(Delivery delivery) {
        return delivery.openBytes(requests.promptTokens(delivery.request()));
    }

    private void start(Delivery delivery) {
        running.add(delivery);
        readAhead.started(delivery);
        requests.start(delivery.request(), answer -> {
            ended.add(new PendingAnswer(delivery, answer));
            control.wake();
        });
    }

    /** Takes the answers that have arrived; those of abandoned requests are dropped. */
    private void takeAnswers() {
        for (PendingAnswer answer = ended.poll(); answer != null; answer = ended.poll()) {
            if (running.remove(answer.delivery())) {
                readAhead.ended(answer.delivery(), answer.answer().tokens());
                answers.add(answer);
            }
        }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        if (!partitions.isEmpty()) {
            control.owns(true);
            parts.takeover().of(partitions).forEach(progress -> owned.put(progress.partition(), progress));
            parts.backlog().assigned(partitions);
            LOG.infof("owns %d partitions, of which %d are new", owned.size(), partitions.size());
            if (owned.size() > options.budget().maxPartitions()) {
                LOG.warnf(
                        "the heap has space for the largest records of %d partitions; set -Xmx to %dm or more",
                        options.budget().maxPartitions(), options.budget().heapFor(owned.size()) >> 20);
            }
            // the poll that assigns partitions may also read them
            pausePartitions();
        }
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        if (control.isCrashed() || !owned.keySet().containsAll(partitions)) {
            // the session ends: the partitions are released already, or stay claimed as after a death
            drop(partitions);
            return;
        }
        commits.finish();
        partitions.forEach(readAhead::remove);
        abandonSlow(partitions);
        long start = time.nanoTime();
        commits.commitWhile(
                () -> {
                    takeAnswers();
                    startRequests();
                    turned();
                    return !runningOf(partitions).isEmpty()
                            && time.nanosSince(start) < options.revokeGrace().toNanos()
                            && !control.isGraceOver()
                            && !control.isCrashed();
                },
                commits::pause);
        if (control.isCrashed()) {
            drop(partitions);
        } else {
            release(partitions);
        }
    }

    /** Abandons requests of revoked partitions that can't end within the grace. */
    private void abandonSlow(Collection<TopicPartition> partitions) {
        double seconds = options.revokeGrace().toMillis() / 1e3;
        for (Delivery delivery : runningOf(partitions)) {
            OptionalDouble left = requests.secondsLeft(delivery.request());
            if (left.isEmpty() || left.getAsDouble() > seconds) {
                abandon(delivery);
            }
        }
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        // the consumer also calls this if it is closed during a rebalance; the partitions are released then
        long held = partitions.stream().filter(owned::containsKey).count();
        if (held > 0) {
            LOG.warnf("lost %d partitions; their requests are abandoned", held);
        }
        drop(partitions);
    }

    /** Commits what has ended, names no owner, and abandons the rest. */
    private void release(Collection<TopicPartition> partitions) {
        List<TopicPartition> all = List.copyOf(partitions);
        runningOf(all).forEach(this::abandon);
        List<PartitionProgress> released = all.stream().map(owned::get).toList();
        released.forEach(this::giveBack);
        long start = time.nanoTime();
        commits.commitWhile(
                () -> time.nanosSince(start) < RELEASE_NANOS
                        && (AnswerCommits.needsCommit(released) || answers.hasAnswersOf(released)),
                commits::pause);
        drop(all);
    }

    /**
     * Releases all partitions. Polls between failed commits, because a rebalance that has begun refuses them until
     * this member has joined it.
     */
    private void releaseAll() {
        runningOf(owned.keySet()).forEach(this::abandon);
        commits.commitWhile(
                () -> {
                    // a poll may have assigned more partitions
                    owned.values().forEach(this::giveBack);
                    return !control.givesUp()
                            && (AnswerCommits.needsCommit(owned.values())
                                    || answers.writable().findAny().isPresent());
                },
                () -> {
                    pausePartitions();
                    poll();
                });
    }

    /**
     * Makes the next commit name no owner, unless an abandoned request of the partition still seems to hang. If the
     * process then ends because of this request, the next owner counts a death.
     */
    private void giveBack(PartitionProgress progress) {
        boolean hangs = seemedToHang.stream()
                .filter(each -> each.progress() == progress)
                .anyMatch(each -> requests.watchdog().seemsToHang(each.request()));
        if (!hangs) {
            progress.release();
        }
    }

    /** Removes partitions. Their requests are abandoned and their answers are dropped. */
    private void drop(Collection<TopicPartition> partitions) {
        runningOf(partitions).forEach(this::abandon);
        seemedToHang.removeIf(each -> partitions.contains(each.partition()));
        for (TopicPartition partition : List.copyOf(partitions)) {
            readAhead.remove(partition);
            PartitionProgress progress = owned.remove(partition);
            if (progress != null) {
                answers.removeAnswersOf(progress);
            }
        }
        control.owns(!owned.isEmpty());
        parts.backlog().dropped(owned, started());
    }

    private void abandon(Delivery delivery) {
        running.remove(delivery);
        readAhead.ended(delivery, 0);
        if (requests.watchdog().seemsToHang(delivery.request())) {
            LOG.warnf("the request at %s seems to hang; while it does, its partition is not released", delivery);
            seemedToHang.add(delivery);
        }
        requests.abandon(delivery.request());
    }

    private List<Delivery> runningOf(Collection<TopicPartition> partitions) {
        return running.stream()
                .filter(delivery -> partitions.contains(delivery.partition()))
                .toList();
    }

    /** Releases what is still owned, if the session has failed. Leaves the group. */
    @Override
    public void close() {
        if (!control.isCrashed() && !control.givesUp()) {
            try {
                release(owned.keySet());
            } catch (RuntimeException e) {
                LOG.debugf("the partitions could not be released: %s", e.getMessage());
            }
        }
        drop(List.copyOf(owned.keySet()));
        status.turned(0);
        status.open(OptionalLong.empty(), 0);
        try (answers) {
            consumer.close(CloseOptions.timeout(CLIENT_CLOSE));
        } finally {
            parts.admin().close(Duration.ZERO);
        }
    }
}
