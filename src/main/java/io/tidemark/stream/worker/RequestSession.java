package io.tidemark.stream.worker;

import io.tidemark.load.UnreadRecords;
import io.tidemark.load.WorkEstimate;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.worker.AnswerTransactions.Entry;
import io.tidemark.stream.worker.AnswerTransactions.Outcome;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.jboss.logging.Logger;

/**
 * The membership of a worker in its consumer group: the consumer, the producer of results, the partitions that are
 * owned, and their requests. It repeats: begin a transaction with what has ended, start requests, poll. A transaction
 * runs during the poll. A poll in which a partition is revoked waits for the end of the transaction, before another
 * member can get the partition.
 *
 * <ul>
 *   <li>Assigned: {@link PartitionTakeOver} reads the progress, and a commit names this process as the owner before the
 *       first request starts.
 *   <li>Revoked: requests that can end within {@code revoke-grace} do so; the others are abandoned. What has ended is
 *       committed, and the last commit names no owner.
 *   <li>Lost: all requests of the partition are abandoned, and nothing is committed.
 * </ul>
 *
 * <p>Used by the thread {@code tidemark-requests}. Answers arrive from other threads.
 */
final class RequestSession implements ConsumerRebalanceListener, AutoCloseable {

    private static final Logger LOG = Logger.getLogger(RequestSession.class);
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration CLIENT_CLOSE = Duration.ofSeconds(5);
    /** Records of one poll, and of one partition that are read and have not started. */
    private static final int READ_AHEAD = 32;
    /** Time between two estimates of the work that waits. */
    private static final long ESTIMATE_NANOS = TimeUnit.SECONDS.toNanos(1);
    /** Time between two commits of idle partitions. */
    private static final long SKIP_NANOS = TimeUnit.SECONDS.toNanos(5);

    /** Time to commit the release of revoked partitions; other members wait for it. */
    private static final long RELEASE_NANOS = TimeUnit.SECONDS.toNanos(15);

    private final RequestLoop loop;
    private final RequestLoop.Options options;
    private final TopicLayout topics;
    private final RequestLifecycle requests;
    private final WorkEstimate work;
    private final Consumer<byte[], byte[]> consumer;
    private final Admin admin;
    private final PartitionTakeOver takeOver;
    private final PendingAnswers answers;
    private final ReadAhead readAhead;
    private final UnreadRecords unread;
    private final Map<TopicPartition, PartitionProgress> owned = new LinkedHashMap<>();
    /** Started requests without an answer. */
    private final Map<IncomingRequest, PartitionProgress> running = new HashMap<>();
    /** Answers from other threads. */
    private final ConcurrentLinkedQueue<Entry> ended = new ConcurrentLinkedQueue<>();

    /** Read by the thread that runs transactions. */
    private volatile boolean ownsPartitions;
    /** Transactions that have failed since the last one that was committed. */
    private int failedTransactions;

    /** Whether the next attempt to commit waits, after one that has failed. */
    private boolean backOff;

    private long skippedNanos = System.nanoTime();
    private long estimatedNanos = System.nanoTime() - ESTIMATE_NANOS;

    /** Joins the group with the first poll. */
    RequestSession(
            RequestLoop loop,
            KafkaConnection kafka,
            TopicLayout topics,
            ReplyRouting routing,
            RequestLifecycle requests,
            WorkEstimate work) {
        this.loop = loop;
        this.options = loop.options();
        this.topics = topics;
        this.requests = requests;
        this.work = work;
        this.readAhead = new ReadAhead(topics.requestTopics(), options.lowerShare(), READ_AHEAD);
        this.consumer = kafka.newGroupMember(options.group(), options.transactionalId(), READ_AHEAD);
        try {
            admin = kafka.newAdmin();
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
        this.unread = new UnreadRecords(UnreadRecords.listing(admin), this::position);
        this.takeOver = new PartitionTakeOver(options, consumer, admin, loop::givesUp);
        try {
            AnswerTransactions transactions = AnswerTransactions.open(
                    kafka,
                    options.transactionalId(),
                    admin,
                    topics,
                    routing,
                    () -> loop.givesUp() || loop.isOver() && !ownsPartitions);
            answers = new PendingAnswers(transactions, loop::wake);
        } catch (RuntimeException e) {
            admin.close();
            consumer.close();
            throw e;
        }
    }

    void run() {
        consumer.subscribe(topics.requestTopics(), this);
        while (!loop.isCrashed()) {
            if (answers.hasEnded()) {
                finishTransaction();
            }
            if (!backOff) {
                beginTransaction();
            }
            boolean answered = running.isEmpty() && answers.writable().findAny().isEmpty();
            if (loop.isStopping() && (answered || loop.isGraceOver())) {
                loop.abandoned(running.size());
                releaseAll();
                return;
            }
            startRequests();
            pausePartitions();
            read(poll());
            skip();
            // a request that was just read does not wait for the next turn
            startRequests();
            loop.disrupted(disruption());
            turned();
        }
    }

    private void turned() {
        loop.turned(running.size());
        long now = System.nanoTime();
        if (now - estimatedNanos >= ESTIMATE_NANOS) {
            estimatedNanos = now;
            work.sample(now);
            estimateUnread();
        }
        countUnstarted();
    }

    /** Passes offsets without records. Called after {@link #read}: all records below the positions have been opened. */
    private void skip() {
        long now = System.nanoTime();
        if (now - skippedNanos >= SKIP_NANOS) {
            skippedNanos = now;
            owned.values().forEach(each -> position(each.partition()).ifPresent(each::skipTo));
        }
    }

    private void estimateUnread() {
        work.unread(unread.byTopic(owned.keySet(), System.nanoTime()));
    }

    /** Counts requests that were read and have not started, or were abandoned and not given back yet. */
    private void countUnstarted() {
        Map<String, Integer> counts = new HashMap<>();
        owned.values().forEach(each -> counts.merge(each.partition().topic(), each.openRequests(), Integer::sum));
        Stream.concat(running.keySet().stream(), answers.all().map(Entry::request))
                .forEach(each -> counts.merge(each.position().partition().topic(), -1, Integer::sum));
        work.unstarted(counts);
    }

    /** The position of the consumer. Does not wait: empty if it is not known, which makes the consumer ask a broker. */
    private OptionalLong position(TopicPartition partition) {
        try {
            return OptionalLong.of(consumer.position(partition, Duration.ZERO));
        } catch (TimeoutException | WakeupException | IllegalStateException e) {
            LOG.debugf("the position in %s is not known: %s", partition, e.getMessage());
            return OptionalLong.empty();
        }
    }

    private ConsumerRecords<byte[], byte[]> poll() {
        loop.polls(Optional.of(consumer));
        try {
            return consumer.poll(!backOff && hasWork() ? Duration.ZERO : POLL);
        } catch (WakeupException e) {
            return ConsumerRecords.empty();
        } finally {
            loop.polls(Optional.empty());
            backOff = false;
        }
    }

    private boolean hasWork() {
        return !ended.isEmpty()
                || answers.hasEnded()
                || !answers.isRunning() && owned.values().stream().anyMatch(PartitionProgress::needsCommit);
    }

    private void read(ConsumerRecords<byte[], byte[]> records) {
        long attempt = consumer.groupMetadata().generationId();
        for (ConsumerRecord<byte[], byte[]> record : records) {
            IncomingRequest request = new IncomingRequest(record, attempt);
            PartitionProgress progress = owned.get(request.position().partition());
            if (progress == null) {
                continue;
            }
            if (progress.isBehind(record.offset())) {
                throw new KafkaException("partition " + progress.partition() + " was truncated to offset "
                        + record.offset() + " or before");
            }
            unread.read(progress.partition());
            if (progress.open(record.offset())) {
                readAhead.add(request);
            }
        }
    }

    /** Pauses the partitions of which enough requests are read, and resumes the others. */
    private void pausePartitions() {
        Set<TopicPartition> full = owned.values().stream()
                .filter(each -> loop.isStopping() || each.isWindowFull() || readAhead.isFull(each.partition()))
                .map(PartitionProgress::partition)
                .collect(Collectors.toSet());
        Set<TopicPartition> paused = consumer.paused();
        if (!paused.equals(full)) {
            consumer.resume(paused.stream().filter(each -> !full.contains(each)).toList());
            consumer.pause(full);
        }
    }

    private void startRequests() {
        if (loop.isStopping() || owned.values().stream().anyMatch(PartitionProgress::needsClaim)) {
            // a partition is named in a commit before its requests run
            return;
        }
        Stream<IncomingRequest> unanswered =
                Stream.concat(running.keySet().stream(), answers.writable().map(Entry::request));
        if (unanswered.anyMatch(this::isTried)) {
            return;
        }
        Optional<PartitionProgress> alone = owned.values().stream()
                .filter(each -> each.crashes().isAlone()
                        && readAhead.peek(each.partition()).isPresent())
                .findFirst();
        if (alone.isPresent()) {
            if (running.isEmpty() && answers.writable().findAny().isEmpty()) {
                startAlone(alone.get());
            }
            return;
        }
        owned.values().stream().filter(each -> !each.crashes().isAlone()).forEach(PartitionProgress::setBusy);
        if (owned.values().stream().anyMatch(PartitionProgress::needsClaim)) {
            return;
        }
        // results that can't be written don't pile up
        while (running.size() < options.maxOpen() && answers.size() < PendingAnswers.MAX_RESULTS_PER_TRANSACTION) {
            Optional<IncomingRequest> next = readAhead.take();
            if (next.isEmpty()) {
                return;
            }
            start(next.get());
        }
    }

    /** Whether a request has to be the only one of the process. */
    private boolean isTried(IncomingRequest request) {
        PartitionProgress progress = owned.get(request.position().partition());
        return progress != null && progress.crashes().isTrying(request.record().offset());
    }

    /** Starts the oldest request of a partition as the only one of the process, after a commit has named it. */
    private void startAlone(PartitionProgress progress) {
        TopicPartition partition = progress.partition();
        long offset = readAhead.peek(partition).orElseThrow().record().offset();
        owned.values().stream().filter(each -> each != progress).forEach(PartitionProgress::setIdle);
        if (!progress.crashes().isTrying(offset)) {
            LOG.infof("the request at %s-%d runs alone", partition, offset);
        }
        progress.tryAlone(offset);
        if (owned.values().stream().anyMatch(PartitionProgress::needsClaim)) {
            return;
        }
        IncomingRequest request = readAhead.take(partition).orElseThrow();
        if (progress.crashes().isCulprit(offset)) {
            LOG.errorf("the request at %s-%d has ended workers and is not repeated", partition, offset);
            answers.add(new Entry(request, progress, requests.crashed(request)));
        } else {
            start(request);
        }
    }

    private void start(IncomingRequest request) {
        PartitionProgress progress = owned.get(request.position().partition());
        running.put(request, progress);
        requests.answer(request).thenAccept(answer -> {
            ended.add(new Entry(request, progress, answer));
            loop.wake();
        });
    }

    private void beginTransaction() {
        for (Entry entry = ended.poll(); entry != null; entry = ended.poll()) {
            if (running.remove(entry.request()) != null) {
                answers.add(entry);
            }
        }
        answers.begin(owned.values(), consumer.groupMetadata());
    }

    /** Waits for the end of the running transaction. Returns false if none runs or its commit failed. */
    private boolean finishTransaction() {
        Optional<Outcome> outcome = answers.finish();
        if (outcome.isEmpty()) {
            return false;
        }
        if (outcome.get() == Outcome.COMMITTED) {
            failedTransactions = 0;
            return true;
        }
        failedTransactions++;
        backOff = true;
        if (outcome.get() == Outcome.UNKNOWN) {
            reconcile();
        }
        return false;
    }

    /** Why answers are not committed at the moment. A single failure is usual while the group rebalances. */
    private Optional<String> disruption() {
        if (answers.isDelayed()) {
            return Optional.of("a transaction has been running for more than 10 s");
        }
        boolean waiting = answers.size() > 0 || owned.values().stream().anyMatch(PartitionProgress::needsCommit);
        return failedTransactions > 1 && waiting
                ? answers.failure().map(reason -> "results can't be committed: " + reason)
                : Optional.empty();
    }

    /**
     * Waits for the running transaction, then runs one with what is left. Returns false if nothing was left or the commit
     * failed.
     */
    private boolean commit() {
        finishTransaction();
        beginTransaction();
        return finishTransaction();
    }

    /**
     * Reads from the committed offsets which results a transaction of unknown outcome has committed.
     *
     * @throws KafkaException if a partition has another owner; the next session reads what is left
     */
    private void reconcile() {
        takeOver.committed(owned.keySet()).forEach((partition, offset) -> {
            PartitionProgress progress = owned.get(partition);
            CommitMetadata metadata = CommitMetadata.of(partition.toString(), offset);
            if (progress.isClaimed() && metadata.hasOtherOwner(options.transactionalId())) {
                throw new KafkaException("partition " + partition + " has another owner");
            }
            answers.committed(progress, progress.reconcile(offset.offset(), metadata.finished()));
        });
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        if (!partitions.isEmpty()) {
            ownsPartitions = true;
            takeOver.of(partitions).forEach(progress -> owned.put(progress.partition(), progress));
            unread.assigned(partitions);
            LOG.infof("owns %d partitions, of which %d are new", owned.size(), partitions.size());
        }
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        if (loop.isCrashed() || !owned.keySet().containsAll(partitions)) {
            // the session ends: the partitions are released already, or stay claimed as after a death
            drop(partitions);
            return;
        }
        finishTransaction();
        long end = System.nanoTime() + options.revokeGrace().toNanos();
        partitions.forEach(readAhead::remove);
        double seconds = options.revokeGrace().toMillis() / 1e3;
        for (IncomingRequest request : runningOf(partitions)) {
            OptionalDouble left = requests.secondsLeft(request);
            if (left.isEmpty() || left.getAsDouble() > seconds) {
                abandon(request);
            }
        }
        while (!runningOf(partitions).isEmpty()
                && System.nanoTime() < end
                && !loop.isGraceOver()
                && !loop.isCrashed()) {
            commit();
            startRequests();
            turned();
            LockSupport.parkNanos(pauseNanos());
        }
        if (loop.isCrashed()) {
            drop(partitions);
        } else {
            release(partitions);
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
        long end = System.nanoTime() + RELEASE_NANOS;
        while (System.nanoTime() < end
                && (released.stream().anyMatch(PartitionProgress::needsCommit) || answers.hasAnswersOf(released))) {
            if (!commit()) {
                LockSupport.parkNanos(pauseNanos());
            }
        }
        drop(all);
    }

    /**
     * Releases all partitions. Polls between failed commits, because a rebalance that has begun refuses them until
     * this member has joined it.
     */
    private void releaseAll() {
        runningOf(owned.keySet()).forEach(this::abandon);
        while (!loop.givesUp()) {
            owned.values().forEach(PartitionProgress::release);
            if (commit()) {
                continue;
            }
            if (answers.writable().findAny().isEmpty()
                    && owned.values().stream().noneMatch(PartitionProgress::needsCommit)) {
                return;
            }
            pausePartitions();
            poll();
        }
    }

    /** Removes partitions. Their requests are abandoned and their answers are dropped. */
    private void drop(Collection<TopicPartition> partitions) {
        runningOf(partitions).forEach(this::abandon);
        for (TopicPartition partition : List.copyOf(partitions)) {
            readAhead.remove(partition);
            PartitionProgress progress = owned.remove(partition);
            if (progress != null) {
                answers.removeAnswersOf(progress);
            }
        }
        ownsPartitions = !owned.isEmpty();
        estimateUnread();
        countUnstarted();
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

    /** Releases what is still owned, if the session has failed. Leaves the group. */
    @Override
    public void close() {
        if (!loop.isCrashed() && !loop.givesUp()) {
            try {
                release(owned.keySet());
            } catch (RuntimeException e) {
                LOG.debugf("the partitions could not be released: %s", e.getMessage());
            }
        }
        drop(List.copyOf(owned.keySet()));
        loop.turned(0);
        try (answers) {
            consumer.close(CloseOptions.timeout(CLIENT_CLOSE));
        } finally {
            admin.close(Duration.ZERO);
        }
    }
}
