package io.tidemark.stream.delivery.commit;

import io.tidemark.request.Answer;
import io.tidemark.stream.delivery.commit.AnswerTransactions.CommitOutcome;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;

/**
 * Answers from the end of their generation to their commit. They are committed in one transaction after the other. A
 * transaction is prepared on the thread that polls, written on the thread {@code tidemark-transactions} while polls go
 * on, and finished on the thread that polls. After a failed transaction the next one waits for a poll.
 *
 * <p>Brokers check the member and the generation of a commit but not who owns a partition. So the thread that polls
 * chooses the contents and the group metadata, and calls {@link #finish} before it gives a partition back. A
 * transaction that runs when a partition is lost needs no wait: brokers refuse it, or the next owner ends it.
 *
 * <p>Used by the thread {@code tidemark-requests} only.
 */
public final class AnswerCommits implements AutoCloseable {

    /** The most answers in a transaction. */
    public static final int MAX_RESULTS = 500;

    private static final Logger LOG = Logger.getLogger(AnswerCommits.class);
    /** How long {@link #pause} waits. */
    private static final Duration PAUSE = Duration.ofMillis(5);
    /** How long {@link #pause} waits after a failure. */
    private static final Duration PAUSE_AFTER_FAILURE = Duration.ofMillis(100);
    /** How long a close waits for the running transaction: longer than one call of the producer may take. */
    private static final int CLOSE_SECONDS = 6;

    private static final long DELAY_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final AnswerTransactions transactions;
    private final Executor executor;
    private final Map<TopicPartition, PartitionProgress> owned;
    private final Function<Collection<TopicPartition>, Map<TopicPartition, OffsetAndMetadata>> committed;
    private final TransactionStatus status;
    private final Time time;
    private final Consumer<Answer> onCommitted;
    private final List<PendingAnswer> answers = new ArrayList<>();
    private Optional<Running> running = Optional.empty();
    /** How many transactions have failed since the last one that was committed. */
    private int failed;
    /** Whether the next attempt waits, after one that has failed. */
    private boolean backOff;

    /** A transaction between {@link #begin} and {@link #finish}. */
    private record Running(
            List<PendingAnswer> answers,
            Map<PartitionProgress, PartitionProgress.ProgressCommit> commits,
            CompletableFuture<CommitOutcome> outcome,
            long beginNanos) {}

    /**
     * @param executor    runs one transaction at a time, and should end the poll afterwards
     * @param owned       the owned partitions; a view that the session changes
     * @param committed   waits for the committed offsets of partitions
     * @param onCommitted takes each answer when it is committed, on the thread that polls
     */
    public AnswerCommits(
            AnswerTransactions transactions,
            Executor executor,
            Map<TopicPartition, PartitionProgress> owned,
            Function<Collection<TopicPartition>, Map<TopicPartition, OffsetAndMetadata>> committed,
            Consumer<Answer> onCommitted,
            TransactionStatus status,
            Time time) {
        this.transactions = transactions;
        this.executor = executor;
        this.owned = owned;
        this.committed = committed;
        this.onCommitted = onCommitted;
        this.status = status;
        this.time = time;
    }

    /** Adds an answer, which the next transaction contains if its limits permit it. */
    public void add(PendingAnswer answer) {
        answers.add(answer);
    }

    /** Answers that are not committed, the oldest one first. */
    public List<PendingAnswer> pending() {
        return Collections.unmodifiableList(answers);
    }

    /** Answers that can be written and are not committed. */
    public Stream<PendingAnswer> writable() {
        return answers.stream().filter(answer -> !answer.isUnwritable());
    }

    /** Forgets the answers of a partition that is not owned any more. */
    public void remove(PartitionProgress progress) {
        answers.removeIf(answer -> answer.delivery().progress() == progress);
    }

    /**
     * Finishes a transaction that has ended, and begins the next one, unless that waits for a poll.
     *
     * @param group the metadata of the group at the moment
     */
    public void turn(ConsumerGroupMetadata group) {
        if (hasEnded()) {
            finish();
        }
        if (!backOff) {
            begin(group);
        }
    }

    /**
     * Waits for the running transaction, then runs one with what is left.
     *
     * @return false if nothing was left or the commit has failed
     */
    public boolean commit(ConsumerGroupMetadata group) {
        finish();
        begin(group);
        return finish();
    }

    /** Permits a transaction after a failed one, because a poll has ended. */
    public void polled() {
        backOff = false;
    }

    /**
     * Whether a poll should return at once, because there is something to finish or to begin.
     *
     * @param arrived whether answers have arrived
     */
    public boolean isDue(boolean arrived) {
        return !backOff && (arrived || hasEnded() || running.isEmpty() && needsCommit(owned.values()));
    }

    /** Waits between two attempts outside of a poll: longer after a failure. */
    public void pause() {
        time.sleep(backOff ? PAUSE_AFTER_FAILURE : PAUSE);
        backOff = false;
    }

    /** Why answers are not committed at the moment. A single failure is usual while the group rebalances. */
    public Optional<String> disruption() {
        if (running.isPresent() && time.nanosSince(running.get().beginNanos) > DELAY_NANOS) {
            return Optional.of("a transaction has been running for more than 10 s");
        }
        boolean waiting = !answers.isEmpty() || needsCommit(owned.values());
        return failed > 1 && waiting
                ? transactions.failure().map(reason -> "results can't be committed: " + reason)
                : Optional.empty();
    }

    /** Whether a commit of one of the partitions is due, although no request has ended. */
    public static boolean needsCommit(Collection<PartitionProgress> partitions) {
        return partitions.stream().anyMatch(PartitionProgress::needsCommit);
    }

    /**
     * Begins a transaction with the answers, and with the metadata of partitions in which it has changed. Has no effect
     * if there is nothing to commit or a transaction runs.
     */
    void begin(ConsumerGroupMetadata group) {
        if (running.isPresent()) {
            return;
        }
        List<PendingAnswer> next = next();
        Map<PartitionProgress, PartitionProgress.ProgressCommit> commits = prepare(next);
        if (commits.isEmpty()) {
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        commits.forEach((progress, commit) -> offsets.put(progress.partition(), commit.target()));
        CompletableFuture<CommitOutcome> outcome =
                CompletableFuture.supplyAsync(() -> transactions.write(next, offsets, group), executor);
        running = Optional.of(new Running(next, commits, outcome, time.nanoTime()));
        // from here to finish(), a poll may rebalance the group: revoked partitions wait for finish(), lost ones don't
    }

    /** The answers of the next transaction: the oldest ones, as many as its limits permit, and at least one. */
    private List<PendingAnswer> next() {
        List<PendingAnswer> next = new ArrayList<>();
        long bytes = 0;
        for (PendingAnswer answer : answers) {
            if (answer.isUnwritable()
                    || !answer.delivery().progress().fits(answer.delivery().offset())) {
                continue;
            }
            bytes += answer.writtenBytes();
            if (next.size() == MAX_RESULTS || !next.isEmpty() && bytes > transactions.maxBytes()) {
                break;
            }
            next.add(answer);
        }
        return next;
    }

    /** What a transaction with these answers commits. */
    private Map<PartitionProgress, PartitionProgress.ProgressCommit> prepare(List<PendingAnswer> next) {
        Map<PartitionProgress, List<Long>> ending = new LinkedHashMap<>();
        for (PartitionProgress progress : owned.values()) {
            progress.setOwner(transactions.transactionalId());
            if (progress.needsCommit()) {
                ending.put(progress, new ArrayList<>());
            }
        }
        for (PendingAnswer answer : next) {
            ending.computeIfAbsent(answer.delivery().progress(), any -> new ArrayList<>())
                    .add(answer.delivery().offset());
        }
        Map<PartitionProgress, PartitionProgress.ProgressCommit> commits = new LinkedHashMap<>();
        ending.forEach((progress, ends) -> commits.put(progress, progress.commit(ends)));
        return commits;
    }

    boolean isRunning() {
        return running.isPresent();
    }

    /** Whether a transaction has ended and is not finished. */
    boolean hasEnded() {
        return running.isPresent() && running.get().outcome.isDone();
    }

    /**
     * Waits for the end of the running transaction. If it is committed, its answers are no longer pending.
     *
     * @return false if none runs or its commit has failed
     * @throws RuntimeException as {@link AnswerTransactions#write} does, or if a partition has another owner; the next
     *     session reads what is left
     * @throws Error of the thread that runs transactions
     */
    public boolean finish() {
        if (running.isEmpty()) {
            return false;
        }
        Running ended = running.get();
        CommitOutcome outcome;
        try {
            outcome = outcome(ended);
        } finally {
            running = Optional.empty();
        }
        if (outcome == CommitOutcome.COMMITTED) {
            failed = 0;
            // a partition may have been lost meanwhile: its progress is dropped, and the commit remains valid
            ended.commits.forEach(PartitionProgress::committed);
            done(ended.answers);
            return true;
        }
        failed++;
        backOff = true;
        status.countFailed();
        if (outcome == CommitOutcome.UNKNOWN) {
            reconcile();
        }
        return false;
    }

    private static CommitOutcome outcome(Running ended) {
        try {
            return ended.outcome.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) e.getCause();
        }
    }

    /**
     * Reads from the committed offsets which results a transaction of unknown outcome has committed.
     *
     * @throws KafkaException if a partition has another owner
     */
    private void reconcile() {
        for (Map.Entry<TopicPartition, OffsetAndMetadata> each :
                committed.apply(owned.keySet()).entrySet()) {
            PartitionProgress progress = owned.get(each.getKey());
            Set<Long> offsets = progress.reconcile(each.getValue());
            done(answers.stream()
                    .filter(answer -> answer.delivery().progress() == progress
                            && offsets.contains(answer.delivery().offset()))
                    .toList());
        }
    }

    private void done(List<PendingAnswer> ended) {
        answers.removeAll(new HashSet<>(ended));
        ended.forEach(answer -> onCommitted.accept(answer.answer()));
    }

    /** Ends the running transaction without its outcome: the next owner of its partitions ends it. */
    public void cutOff() {
        transactions.cutOff();
    }

    /** Waits up to 6 s for the current transaction, then closes the producer. */
    @Override
    public void close() {
        try (transactions) {
            if (running.isPresent()) {
                running.get().outcome.get(CLOSE_SECONDS, TimeUnit.SECONDS);
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            LOG.debugf("the last transaction has failed: %s", e.getMessage());
        } catch (TimeoutException e) {
            LOG.debug("the last transaction has not ended");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
