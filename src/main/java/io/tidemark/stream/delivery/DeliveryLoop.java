package io.tidemark.stream.delivery;

import io.tidemark.generation.Completion;
import io.tidemark.load.HeapBudget;
import io.tidemark.load.UnreadRecords;
import io.tidemark.load.WorkEstimate;
import io.tidemark.request.Answer;
import io.tidemark.request.RequestListener;
import io.tidemark.request.RequestRunner;
import io.tidemark.stream.delivery.commit.AnswerCommits;
import io.tidemark.stream.delivery.commit.AnswerTransactions;
import io.tidemark.stream.delivery.commit.ResultProducers;
import io.tidemark.stream.delivery.commit.UnwritableTopics;
import io.tidemark.stream.delivery.partition.PartitionLogs;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.partition.PartitionTakeover;
import io.tidemark.stream.delivery.reply.Delivery;
import io.tidemark.stream.delivery.reply.ReplyRouting;
import io.tidemark.stream.topics.KafkaClients;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.ReadLimits;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;

/**
 * Reads requests, starts them, and has each answer committed together with the offset of its request. It runs one
 * {@link GroupSession} after the other: a consumer error ends a session, all its requests are abandoned, and a new
 * consumer joins the group.
 *
 * <p>{@link #run} runs on the thread {@code tidemark-requests}. Other threads use the {@link LoopControl} and the
 * {@link DeliveryStatus}.
 */
public final class DeliveryLoop {

    /** How long the last calls and the closing of the clients take at most, after the grace period. */
    public static final Duration END = LoopControl.LAST_CALLS.plusSeconds(20);

    private static final Logger LOG = Logger.getLogger(DeliveryLoop.class);
    private static final Duration RETRY = Duration.ofSeconds(1);
    /** How many records of a partition are read ahead of their start. */
    private static final int READ_AHEAD = 32;

    private final DeliveryOptions options;
    private final DeliveryCluster cluster;
    private final Requests requests;
    private final LoopControl control;
    private final DeliveryStatus status;
    private final Executor transactionThread;
    private final ResultProducers producers;
    private final UnwritableTopics unwritable;
    private final Time time;

    /** The cluster, its topics, who sends requests, and where answers may go. */
    public record DeliveryCluster(KafkaClients kafka, TopicLayout topics, Tenants tenants, ReplyRouting routing) {}

    /**
     * What runs requests, and what is told about them.
     *
     * @param listener told of committed answers, on the thread of the loop
     * @param delayed  whether a request should not start yet; called often, on the thread of the loop
     */
    public record Requests(
            RequestRunner runner, WorkEstimate work, RequestListener listener, Predicate<Delivery> delayed) {}

    /**
     * Where the loop waits for brokers, apart from its own thread.
     *
     * @param transactions runs one transaction at a time
     * @param probes       tries reply topics that are set aside
     */
    public record Threads(Executor transactions, Executor probes) {}

    public DeliveryLoop(
            DeliveryOptions options,
            DeliveryCluster cluster,
            Requests requests,
            LoopControl control,
            DeliveryStatus status,
            Threads threads,
            Time time) {
        this.options = options;
        this.cluster = cluster;
        this.requests = requests;
        this.control = control;
        this.status = status;
        this.transactionThread = threads.transactions();
        this.producers = ResultProducers.of(cluster.kafka(), options.process(), time);
        this.unwritable = UnwritableTopics.of(
                cluster.kafka(), options.process(), threads.probes(), status.transactions(), requests.listener(), time);
        this.time = time;
    }

    /** Runs until the loop is stopped or has crashed. */
    public void run() {
        while (!control.isOver()) {
            if (control.isOutage()) {
                time.sleep(RETRY); // a session could not be opened
                continue;
            }
            try (GroupSession session = open()) {
                session.subscribe(cluster.topics().requestTopics());
                run(session);
            } catch (KafkaException e) {
                LOG.warnf("requests are read again from the last commit: %s", KafkaConnection.reason(e));
                retryAfter(e);
            } catch (RuntimeException e) {
                LOG.error("requests are read again from the last commit", e);
                retryAfter(e);
            }
        }
    }

    /** Runs turns until the session has ended. After an error it does not release its partitions. */
    private void run(GroupSession session) {
        try {
            boolean more;
            do {
                more = session.turn();
            } while (more);
        } catch (Error e) {
            control.crash();
            throw e;
        }
    }

    private void retryAfter(RuntimeException reason) {
        status.sessionFailed(KafkaConnection.reason(reason));
        if (!control.isOver()) {
            time.sleep(RETRY);
        }
    }

    /** Opens the clients of a session. A takeover finds the transactions of living members by their client ids. */
    GroupSession open() {
        String clientId = options.process().id();
        Consumer<byte[], byte[]> consumer =
                cluster.kafka().newGroupMember(options.process().group(), clientId, reads(), "none");
        try {
            Admin admin = cluster.kafka().newAdmin();
            try {
                return open(consumer, admin);
            } catch (RuntimeException e) {
                admin.close(Duration.ZERO);
                throw e;
            }
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
    }

    private ReadLimits reads() {
        HeapBudget budget = options.budget();
        return new ReadLimits(budget.maxPollRecords(), budget.maxFetchBytes(), options.maxRequestBytes());
    }

    private GroupSession open(Consumer<byte[], byte[]> consumer, Admin admin) {
        AnswerTransactions transactions = AnswerTransactions.of(
                cluster.kafka(), producers, cluster.topics(), unwritable, control::givesUpProducer, time);
        Map<TopicPartition, PartitionProgress> owned = new LinkedHashMap<>();
        PartitionLogs logs = new PartitionLogs(admin, status.requestTopics(), time);
        PartitionTakeover takeover =
                new PartitionTakeover(options.process(), options.maxRunning(), consumer, admin, logs, control::givesUp);
        ReadAhead readAhead = new ReadAhead(
                cluster.tenants(), options.lowerShare(), READ_AHEAD, options.budget(), requests.delayed());
        AnswerCommits commits = new AnswerCommits(
                transactions, this::transact, owned, takeover::committed, this::committed, status.transactions(), time);
        RunningRequests running =
                new RunningRequests(owned, readAhead, commits, requests.runner(), options.maxRunning(), control, time);
        int contextLength = requests.runner().contextLength();
        Intake intake = new Intake(consumer, owned, readAhead, takeover, cluster, contextLength, control, time);
        UnreadRecords unread = new UnreadRecords(logs::stableEnd, each -> Intake.position(consumer, each));
        SessionReport report = new SessionReport(status, requests.work(), unread, owned, running, time);
        Ownership ownership = new Ownership(options, owned, takeover, running, commits, intake, report, control, time);
        return new GroupSession(intake, running, commits, ownership, logs, report, control);
    }

    /** Runs a transaction, and ends the poll that goes on meanwhile. */
    private void transact(Runnable transaction) {
        transactionThread.execute(() -> {
            transaction.run();
            control.wake();
        });
    }

    private void committed(Answer answer) {
        if (answer.completion().isPresent()) {
            Completion completion = answer.completion().get();
            requests.work()
                    .answered(
                            completion.usage().promptTokens(),
                            completion.usage().completionTokens(),
                            completion.choices().size());
        } else {
            requests.work().rejected();
        }
        requests.listener().onCommitted(answer, time.nanoTime());
    }
}
