package io.tidemark.stream.worker;

import io.tidemark.stream.worker.AnswerTransactions.Entry;
import io.tidemark.stream.worker.AnswerTransactions.Outcome;
import io.tidemark.stream.worker.PartitionProgress.Commit;
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
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Answers from the end of their generation to their commit. At most one transaction runs, on the thread
 * {@code tidemark-transactions}, while the thread {@code tidemark-requests} polls. Answers that arrive meanwhile are in
 * the next one.
 *
 * <p>Used by the thread {@code tidemark-requests} only, because brokers check the member and the generation of a commit
 * but not who owns a partition. The thread that polls chooses the contents of a transaction and takes the group metadata.
 * It calls {@link #finish} before it gives a partition back. A transaction that runs when a partition is lost needs no
 * wait: brokers refuse it, or the next owner ends it.
 */
final class PendingAnswers implements AutoCloseable {

    /** Upper bound of the answers in a transaction. */
    static final int MAX_RESULTS_PER_TRANSACTION = 500;

    /** Above the time that one call of the producer may take. */
    private static final int CLOSE_SECONDS = 6;

    private static final long DELAY_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final AnswerTransactions transactions;
    private final Runnable onEnd;
    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(task -> new Thread(task, "tidemark-transactions"));
    private List<Entry> entries = new ArrayList<>();
    private Optional<Transaction> current = Optional.empty();

    /** A transaction between its begin and {@link #finish}. */
    private record Transaction(
            Set<Entry> entries,
            Map<PartitionProgress, Commit> commits,
            CompletableFuture<Outcome> outcome,
            long beginNanos) {}

    /** @param onEnd called when a transaction has ended, on {@code tidemark-transactions} or the thread of the caller */
    PendingAnswers(AnswerTransactions transactions, Runnable onEnd) {
        this.transactions = transactions;
        this.onEnd = onEnd;
    }

    void add(Entry entry) {
        entries.add(entry);
    }

    int size() {
        return entries.size();
    }

    /** Answers that are not committed. */
    Stream<Entry> all() {
        return entries.stream();
    }

    /** Answers that can be written, with those of the running transaction. */
    Stream<Entry> writable() {
        return entries.stream().filter(entry -> !entry.isUnwritable());
    }

    /** Whether an answer of one of the partitions can be written and is not committed. */
    boolean hasAnswersOf(Collection<PartitionProgress> partitions) {
        return writable().anyMatch(entry -> partitions.contains(entry.progress()));
    }

    /** Forgets the answers of a partition that is not owned any more. */
    void removeAnswersOf(PartitionProgress progress) {
        entries.removeIf(entry -> entry.progress() == progress);
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
        return current.filter(transaction -> System.nanoTime() - transaction.beginNanos > DELAY_NANOS)
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
        List<Entry> batch = writable()
                .filter(entry -> entry.progress().fits(entry.request().record().offset()))
                .limit(MAX_RESULTS_PER_TRANSACTION)
                .toList();
        Map<PartitionProgress, List<Long>> ending = new LinkedHashMap<>();
        owned.stream()
                .filter(PartitionProgress::needsCommit)
                .forEach(progress -> ending.put(progress, new ArrayList<>()));
        batch.forEach(entry -> ending.computeIfAbsent(entry.progress(), any -> new ArrayList<>())
                .add(entry.request().record().offset()));
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
                CompletableFuture.supplyAsync(() -> transactions.write(batch, offsets, group), thread);
        current = Optional.of(new Transaction(Set.copyOf(batch), commits, outcome, System.nanoTime()));
        outcome.whenComplete((result, failure) -> onEnd.run());
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
                done(transaction.entries);
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
        done(entries.stream()
                .filter(entry -> entry.progress() == progress
                        && offsets.contains(entry.request().record().offset()))
                .collect(Collectors.toSet()));
    }

    /** Why the last transaction was not committed; empty if it was. */
    Optional<String> failure() {
        return transactions.failure();
    }

    private void done(Set<Entry> committed) {
        entries = entries.stream()
                .filter(entry -> !committed.contains(entry))
                .collect(Collectors.toCollection(ArrayList::new));
        committed.forEach(entry -> entry.answer().onCommitted().run());
    }

    /** Waits up to 6 s for the current transaction, then closes the producer. */
    @Override
    public void close() {
        thread.shutdown();
        try (transactions) {
            thread.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
