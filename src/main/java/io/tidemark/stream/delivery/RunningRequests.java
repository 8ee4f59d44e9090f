package io.tidemark.stream.delivery;

import io.tidemark.request.RequestRunner;
import io.tidemark.stream.delivery.CrashIsolation.Permit;
import io.tidemark.stream.delivery.commit.AnswerCommits;
import io.tidemark.stream.delivery.commit.PendingAnswer;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.reply.Delivery;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;

/**
 * The requests of a session from their start to their answer. Starts requests that were read, as far as the engine, the
 * heap and {@link CrashIsolation} permit it. Passes their answers on to be committed.
 *
 * <p>Used by the thread {@code tidemark-requests}. Answers arrive from other threads.
 */
final class RunningRequests {

    private static final Logger LOG = Logger.getLogger(RunningRequests.class);
    /** How much time passes between two searches for requests that have ended before they start. */
    private static final long ENDED_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final Map<TopicPartition, PartitionProgress> owned;
    private final ReadAhead readAhead;
    private final AnswerCommits commits;
    private final RequestRunner runner;
    private final int maxRunning;
    private final LoopControl control;
    private final Time time;
    private final CrashIsolation isolation;
    /** The requests that have started and have no answer. */
    private final Set<Delivery> running = new HashSet<>();
    /** The abandoned requests of owned partitions that seemed to hang when they were abandoned. */
    private final Set<Delivery> seemedToHang = new HashSet<>();
    /** The answers that other threads have added and that are not taken yet. */
    private final ConcurrentLinkedQueue<PendingAnswer> ended = new ConcurrentLinkedQueue<>();

    private long endedNanos;

    /**
     * @param owned      the owned partitions; a view that the session changes
     * @param readAhead  the requests that were read and have not started
     * @param commits    takes the answers
     * @param maxRunning requests that run at the same time, at most
     */
    RunningRequests(
            Map<TopicPartition, PartitionProgress> owned,
            ReadAhead readAhead,
            AnswerCommits commits,
            RequestRunner runner,
            int maxRunning,
            LoopControl control,
            Time time) {
        this.owned = owned;
        this.readAhead = readAhead;
        this.commits = commits;
        this.runner = runner;
        this.maxRunning = maxRunning;
        this.control = control;
        this.time = time;
        this.isolation = new CrashIsolation(readAhead);
        this.endedNanos = time.nanoTime();
    }

    /** Starts requests. Starts none after the loop was stopped. */
    void start() {
        if (control.isOver()) {
            return;
        }
        Permit permit = isolation.next(owned.values(), unanswered());
        if (permit instanceof Permit.Alone alone) {
            start(alone.delivery());
        } else if (permit instanceof Permit.Crashing crashing) {
            Delivery delivery = crashing.delivery();
            commits.add(new PendingAnswer(delivery, runner.crashed(delivery.request())));
        } else if (permit instanceof Permit.Anything) {
            startAny();
        }
    }

    private void startAny() {
        OpenShares open = openShares();
        startEnded(open);
        // results that can't be written don't pile up
        while (running.size() < maxRunning && commits.pending().size() < AnswerCommits.MAX_RESULTS) {
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
            for (Delivery delivery : readAhead.take(open, each -> runner.hasEnded(each.request()))) {
                start(delivery);
            }
        }
    }

    private void start(Delivery delivery) {
        running.add(delivery);
        readAhead.started(delivery);
        runner.start(delivery.request(), answer -> {
            ended.add(new PendingAnswer(delivery, answer));
            control.wake();
        });
    }

    /** The heap of the requests that run, with the most that their answers may use, and of unsent commits. */
    private OpenShares openShares() {
        OpenShares open = readAhead.newOpenShares(owned.size());
        running.forEach(each -> open.add(each, openBytes(each), true));
        commits.pending().forEach(each -> open.add(each.delivery(), each.heapBytes(), false));
        return open;
    }

    private long openBytes(Delivery delivery) {
        return delivery.openBytes(runner.promptTokens(delivery.request()));
    }

    /** Whether answers have arrived that {@link #takeAnswers} has not taken. */
    boolean hasArrived() {
        return !ended.isEmpty();
    }

    /** Takes the answers that have arrived; those of abandoned requests are dropped. */
    void takeAnswers() {
        for (PendingAnswer answer = ended.poll(); answer != null; answer = ended.poll()) {
            if (running.remove(answer.delivery())) {
                readAhead.ended(answer.delivery(), answer.answer().tokens());
                commits.add(answer);
            }
        }
    }

    /** Whether a request runs alone or is the next one to do so. Nothing is read ahead meanwhile. */
    boolean runsAlone() {
        return isolation.runsAlone(owned.values(), unanswered());
    }

    /** Whether no request runs and no answer that can be written waits for its commit. */
    boolean isAllAnswered() {
        return unanswered().findAny().isEmpty();
    }

    /** Requests that run or whose answers can be written and are not committed. */
    private Stream<Delivery> unanswered() {
        return Stream.concat(running.stream(), commits.writable().map(PendingAnswer::delivery));
    }

    /** Requests that run or whose answers are not committed. */
    Stream<Delivery> started() {
        return Stream.concat(running.stream(), commits.pending().stream().map(PendingAnswer::delivery));
    }

    int size() {
        return running.size();
    }

    /** Whether a request of one of the partitions runs. */
    boolean isAnyOf(Collection<TopicPartition> partitions) {
        return !of(partitions).isEmpty();
    }

    /** Bytes of heap of records that were read and have not started. */
    long readBytes() {
        return readAhead.bytes();
    }

    /** The most bytes of heap that started requests and their answers use until they are committed. */
    long openBytes() {
        return openShares().bytes();
    }

    /** When the oldest request was received that has no committed answer. */
    OptionalLong oldestNanos() {
        return Stream.concat(started(), readAhead.heads())
                .mapToLong(delivery -> delivery.request().receivedNanos())
                .reduce((first, second) -> first - second < 0 ? first : second);
    }

    /** Forgets requests of partitions that have not started, and abandons those that can't end within a time. */
    void endWithin(Duration limit, Collection<TopicPartition> partitions) {
        partitions.forEach(readAhead::remove);
        double seconds = limit.toMillis() / 1e3;
        for (Delivery delivery : of(partitions)) {
            OptionalDouble left = runner.secondsLeft(delivery.request());
            if (left.isEmpty() || left.getAsDouble() > seconds) {
                abandon(delivery);
            }
        }
    }

    /** Abandons the requests of partitions that run. */
    void abandon(Collection<TopicPartition> partitions) {
        of(partitions).forEach(this::abandon);
    }

    private void abandon(Delivery delivery) {
        running.remove(delivery);
        readAhead.ended(delivery, 0);
        if (runner.watchdog().seemsToHang(delivery.request())) {
            delivery.request()
                    .logFields()
                    .during(() -> LOG.warnf(
                            "the request at %s seems to hang; while it does, its partition is not released", delivery));
            seemedToHang.add(delivery);
        }
        runner.abandon(delivery.request());
    }

    /** Whether an abandoned request of a partition still seems to hang. */
    boolean isHanging(PartitionProgress progress) {
        return seemedToHang.stream()
                .filter(each -> each.progress() == progress)
                .anyMatch(each -> runner.watchdog().seemsToHang(each.request()));
    }

    /** Abandons and forgets the requests of partitions, and drops their commits. */
    void drop(Collection<TopicPartition> partitions) {
        abandon(partitions);
        seemedToHang.removeIf(each -> partitions.contains(each.partition()));
        for (TopicPartition partition : partitions) {
            readAhead.remove(partition);
            if (owned.containsKey(partition)) {
                commits.remove(owned.get(partition));
            }
        }
    }

    /** Whether a request of one of the partitions runs, or its answer can be written and is not committed. */
    boolean isAnyUnanswered(Collection<PartitionProgress> partitions) {
        return unanswered().anyMatch(each -> partitions.contains(each.progress()));
    }

    private List<Delivery> of(Collection<TopicPartition> partitions) {
        return running.stream()
                .filter(delivery -> partitions.contains(delivery.partition()))
                .toList();
    }
}
