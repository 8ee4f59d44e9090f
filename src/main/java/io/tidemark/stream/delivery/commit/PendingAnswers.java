package io.tidemark.stream.delivery.commit;

import io.tidemark.request.Answer;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Answers from the end of their generation to their commit, the oldest one first. {@link AnswerCommits} commits them.
 *
 * <p>Used by the thread {@code tidemark-requests} only.
 */
public final class PendingAnswers {

    /** Upper bound of the answers in a transaction. */
    public static final int MAX_RESULTS_PER_TRANSACTION = 500;

    private final Consumer<Answer> onCommitted;
    private List<PendingAnswer> answers = new ArrayList<>();

    /** @param onCommitted takes each answer when it is committed, on the thread that polls */
    public PendingAnswers(Consumer<Answer> onCommitted) {
        this.onCommitted = onCommitted;
    }

    /** Adds an answer, which the next transaction contains if its limits permit it. */
    public void add(PendingAnswer answer) {
        answers.add(answer);
    }

    /** The number of answers that are not committed. */
    public int size() {
        return answers.size();
    }

    /** Answers that are not committed. */
    public Stream<PendingAnswer> all() {
        return answers.stream();
    }

    /** Answers that can be written, with those of the running transaction. */
    public Stream<PendingAnswer> writable() {
        return answers.stream().filter(answer -> !answer.isUnwritable());
    }

    /** Forgets the answers of a partition that is not owned any more. */
    public void removeAnswersOf(PartitionProgress progress) {
        answers.removeIf(answer -> answer.delivery().progress() == progress);
    }

    /**
     * The answers of the next transaction: the oldest ones, as many as its limits permit, and at least one.
     *
     * @param maxBytes limit of their records
     */
    List<PendingAnswer> next(long maxBytes) {
        List<PendingAnswer> next = new ArrayList<>();
        long bytes = 0;
        for (PendingAnswer answer : answers) {
            if (answer.isUnwritable()
                    || !answer.delivery().progress().fits(answer.delivery().offset())) {
                continue;
            }
            bytes += answer.writtenBytes();
            if (next.size() == MAX_RESULTS_PER_TRANSACTION || !next.isEmpty() && bytes > maxBytes) {
                break;
            }
            next.add(answer);
        }
        return next;
    }

    /** Called when a transaction has committed these answers. */
    void committed(Collection<PendingAnswer> committed) {
        answers.removeAll(new HashSet<>(committed));
        for (PendingAnswer answer : committed) {
            onCommitted.accept(answer.answer());
        }
    }

    /** Called when a transaction of unknown outcome has committed the answers of these offsets. */
    void committed(PartitionProgress progress, Set<Long> offsets) {
        committed(answers.stream()
                .filter(answer -> answer.delivery().progress() == progress
                        && offsets.contains(answer.delivery().offset()))
                .toList());
    }
}
