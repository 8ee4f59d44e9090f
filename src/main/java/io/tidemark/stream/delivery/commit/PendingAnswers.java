package io.tidemark.stream.delivery.commit;

import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.request.Answer;
import io.tidemark.stream.delivery.commit.AnswerTransactions.Outcome;
import io.tidemark.stream.delivery.partition.PartitionProgress.Commit;
import io.tidemark.time.Time;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
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
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;

/**
 * Answers from the end of their generation to their commit. At most one transaction runs, on the thread
 * {@code tidemark-transactions}, while the thread {@code tidemark-requests} polls. Answers that arrive meanwhile are in
 * the next one.
 *
 * <p>Used by the thread {@code tidemark-requests} only, because brokers check the member and the generation of a commit
 * but not who owns a partition. The thread that polls chooses the contents of a transaction and takes the group
 * metadata. It calls {@link #finish} before it gives a partition back. A transaction that runs when a partition is lost
 * needs no wait: brokers refuse it, or the next owner ends it.
 */
final class PendingAnswers implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(PendingAnswers.class);

    /** Upper bound of the answers in a transaction. */
    static final int MAX_RESULTS_PER_TRANSACTION = 500;

    /** Above the time that one call of the producer may take. */
    private static final int CLOSE_SECONDS = 6;

    private static final long DELAY_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final AnswerTransactions transactions;
    private final Executor executor;
    private final Runnable onEnd;
    private final Consumer<Answer> onCommitted;
    private final Time time;
    private List<PendingAnswer> answers = new ArrayList<>();
    private Optional<Transaction> current = Optional.empty();

    /** A transaction between its begin and {@link #finish}. */
    private record Transaction(
            Set<PendingAnswer> answers,
            Map<PartitionProgress, Commit> commits,
            CompletableFuture<Outcome> outcome,
            long beginNanos) {}

    /**
     * @param executor    runs one transaction at a time
     * @param onEnd       called when a transaction has ended, by the executor or the caller
     * @param onCommitted takes each answer when it is committed, on the thread that polls
     */
    PendingAnswers(
            AnswerTransactions transactions,
            Executor executor,
            Runnable onEnd,
            Consumer<Answer> onCommitted,
            Time time) {
        this.transactions = transactions;
        this.executor = executor;
        this.onEnd = onEnd;
        this.onCommitted = onCommitted;
        this.time = time;
    }

    void add(PendingAnswer answer) {
        answers.add(answer);
    }

    int size() {
        return answers.size();
    }

    /** Answers that are not committed. */
    Stream<PendingAnswer> all() {
        return answers.stream();
    }

    /** Answers that can be written, with those of the running transaction. */
    Stream<PendingAnswer> writable() {
        return answers.stream().filter(answer -> !answer.isUnwritable());
    }

    /** Whether an answer of one of the partitions can be written and is not committed. */
    boolean hasAnswersOf(Collection<PartitionProgress> partitions) {
        return writable()
                .anyMatch(answer -> partitions.contains(answer.delivery().progress()));
    }

    /** Forgets the answers of a partition that is not owned any more. */
    void removeAnswersOf(PartitionProgress progress) {
        answers.removeIf(answer -> answer.delivery().progress() == progress);
    }

    boolean isRunning() {
        return current.isPresent();
    }

    /** Whether a transaction has ended whose outcome {@link #finish} has not returned yet. */
    boolean hasEnded() {
        return current.filter(transaction -> transaction.outcome.isDone()).isPresent();
    }

    /** Whether the current transaction has been running for more than 10 s. */
    boolean isDelayed() {
        return current.filter(transaction -> time.nanosSince(transaction.beginNanos) > DELAY_NANOS)
                .isPresent();
    }

    /**
     * Begins a transaction with the answers, and with the metadata of partitions in which it has changed. Has no effect
     * if there is nothing to commit or a transaction runs.
     */
    void begin(Collection<PartitionProgress> owned, ConsumerGroupMetadata group) {
        if (isRunning()) {
            return;
        }
        owned.forEach(progress -> progress.setOwner(transactions.transactionalId()));
        List<PendingAnswer> batch = batch();
        Map<PartitionProgress, List<Long>> ending = new LinkedHashMap<>();
        owned.stream()
                .filter(PartitionProgress::needsCommit)
                .forEach(progress -> ending.put(progress, new ArrayList<>()));
        batch.forEach(answer -> ending.computeIfAbsent(answer.delivery().progress(), any -> new ArrayList<>())
                .add(answer.delivery().offset()));
        if (ending.isEmpty()) {
            return;
        }
        Map<PartitionProgress, Commit> commits = new LinkedHashMap<>();
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        ending.forEach((progress, ends) -> {
            Commit commit = progress.commit(ends);
            commits.put(progress, commit);
            offsets.put(progress.partition(), commit.target());
        });
        CompletableFuture<Outcome> outcome =
                CompletableFuture.supplyAsync(() -> transactions.write(batch, offsets, group), executor);
        current = Optional.of(new Transaction(Set.copyOf(batch), commits, outcome, time.nanoTime()));
        outcome.whenComplete((result, failure) -> onEnd.run());
    }

    /** The answers of the next transaction: the oldest ones, as many as its limits permit, and at least one. */
    private List<PendingAnswer> batch() {
        List<PendingAnswer> batch = new ArrayList<>();
        long bytes = 0;
        for (PendingAnswer answer : answers) {
            if (answer.isUnwritable()
                    || !answer.delivery().progress().fits(answer.delivery().offset())) {
                continue;
            }
            bytes += answer.writtenBytes();
            if (batch.size() == MAX_RESULTS_PER_TRANSACTION || !batch.isEmpty() && bytes > transactions.maxBytes()) {
                break;
            }
            batch.add(answer);
        }
        return batch;
    }

    /**
     * Waits for the end of the running transaction. Its answers are no longer pending if it is committed.
     *
     * @return empty if none runs
     * @throws RuntimeException as {@link AnswerTransactions#write} does
     * @throws Error            of the thread that runs transactions
     */
    Optional<Outcome> finish() {
        if (current.isEmpty()) {
            return Optional.empty();
        }
        Transaction transaction = current.get();
        try {
            Outcome outcome = transaction.outcome.join();
            if (outcome == Outcome.COMMITTED) {
                transaction.commits.forEach(PartitionProgress::committed);
                done(transaction.answers);
            }
            return Optional.of(outcome);
        } catch (CompletionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) e.getCause();
        } finally {
            current = Optional.empty();
        }
    }

    /** Called when a transaction of unknown outcome has committed the answers of these offsets. */
    void committed(PartitionProgress progress, Set<Long> offsets) {
        done(answers.stream()
                .filter(answer -> answer.delivery().progress() == progress
                        && offsets.contains(answer.delivery().offset()))
                .collect(Collectors.toSet()));
    }

    /** Why the last transaction was not committed; empty if it was. */
    Optional<String> failure() {
        return transactions.failure();
    }

    private void done(Set<PendingAnswer> committed) {
        answers = answers.stream()
                .filter(answer -> !committed.contains(answer))
                .collect(Collectors.toCollection(ArrayList::new));
        committed.forEach(answer -> onCommitted.accept(answer.answer()));
    }

    /** Waits up to 6 s for the current transaction, then closes the producer. */
    @Override
    public void close() {
        try (transactions) {
            if (current.isPresent()) {
                current.get().outcome.get(CLOSE_SECONDS, TimeUnit.SECONDS);
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
