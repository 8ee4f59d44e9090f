package io.tidemark.stream.delivery;

import io.tidemark.stream.delivery.commit.AnswerCommits;
import io.tidemark.stream.delivery.partition.PartitionLogs;
import java.util.Collection;
import org.apache.kafka.clients.consumer.ConsumerRecords;

/**
 * The membership of a worker in its consumer group, as a sequence of turns. Records are read by {@link Intake}, their
 * requests run in {@link RunningRequests}, and their answers are committed by {@link AnswerCommits}. {@link Ownership}
 * has the partitions.
 *
 * <p>A transaction runs during the poll. A poll in which a partition is revoked waits for the end of the transaction,
 * before another member can get the partition.
 *
 * <p>Used by the thread {@code tidemark-requests}.
 */
final class GroupSession implements AutoCloseable {

    private final Intake intake;
    private final RunningRequests running;
    private final AnswerCommits commits;
    private final Ownership ownership;
    private final PartitionLogs logs;
    private final SessionReport report;
    private final LoopControl control;

    /** Closes intake, commits and logs in the end. */
    GroupSession(
            Intake intake,
            RunningRequests running,
            AnswerCommits commits,
            Ownership ownership,
            PartitionLogs logs,
            SessionReport report,
            LoopControl control) {
        this.intake = intake;
        this.running = running;
        this.commits = commits;
        this.ownership = ownership;
        this.logs = logs;
        this.report = report;
        this.control = control;
    }

    /** Joins the group with the first poll. */
    void subscribe(Collection<String> topics) {
        intake.subscribe(topics, ownership);
    }

    /** One turn. Returns false when the session has ended: after a crash, or when it has released its partitions. */
    boolean turn() {
        if (control.isCrashed()) {
            report.stopped(false);
            return false;
        }
        running.takeAnswers();
        commits.turn(intake.group());
        if (control.isStopping() && (running.isAllAnswered() || control.isGraceOver())) {
            control.releases();
            report.stopped(control.isCutOff());
            ownership.releaseAll();
            return false;
        }
        running.start();
        intake.pause(running.runsAlone());
        // in the poll, the group may rebalance: it calls the ownership, which may finish and begin transactions
        ConsumerRecords<byte[], byte[]> records = intake.poll(commits.isDue(running.hasArrived()));
        commits.polled();
        intake.read(records);
        report.read(records);
        intake.skip();
        // a request that was just read does not wait for the next turn
        running.start();
        report.disrupted(commits.disruption());
        report.turned();
        logs.check(ownership.partitions());
        return true;
    }

    /** Releases what is still owned, if the session has failed. Leaves the group. In an outage, waits for nothing. */
    @Override
    public void close() {
        if (control.isCutOff()) {
            commits.cutOff();
        }
        ownership.end();
        report.ended();
        try (logs;
                commits) {
            intake.close();
        }
    }
}
