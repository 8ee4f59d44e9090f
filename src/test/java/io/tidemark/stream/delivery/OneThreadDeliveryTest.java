package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.Completion;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.RunningStep;
import io.tidemark.load.HeapBudget;
import io.tidemark.load.WorkEstimate;
import io.tidemark.request.AdapterSuggestions;
import io.tidemark.request.Admission;
import io.tidemark.request.Answer;
import io.tidemark.request.Answers;
import io.tidemark.request.RecordingEngine;
import io.tidemark.request.RequestListener;
import io.tidemark.request.RequestRunner;
import io.tidemark.request.Watchdog;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.TopicClient;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.SimulatedKafka.Transaction;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("The delivery of requests on one thread, with virtual time and a cluster in memory,")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OneThreadDeliveryTest {

    private static final String FAMILY = "llama-gqa";
    private static final String OWNER = "group/w-1";
    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of()).topics());
    private static final TopicPartition FIRST = new TopicPartition(TOPICS.requests(), 0);
    private static final TopicPartition SECOND = new TopicPartition(TOPICS.requests(), 1);

    /** Its share of open requests is 32 MiB, and its share of read records 16 MiB. */
    private static final HeapBudget BUDGET = new HeapBudget(HeapBudget.MIN_HEAP_BYTES, 1 << 16);

    /** A first step is a suspect after 10 s. */
    private static final Watchdog.Limits LIMITS = new Watchdog.Limits(Duration.ofSeconds(18), Duration.ofSeconds(18));

    private FixtureModel model;
    private AdapterStore adapters;

    private VirtualTime time;
    private SimulatedKafka kafka;
    private RecordingEngine engine;
    private LoopControl control;
    private RequestRunner requests;
    private DeliveryStatus status;
    private Function<HeapBudget, DeliveryLoop> loops;
    private DeliveryLoop loop;
    private GroupSession session;
    private Set<Thread> threads;
    private final List<Answer> committed = new ArrayList<>();
    private final List<Throwable> failures = new ArrayList<>();

    @BeforeAll
    void load() {
        model = FixtureModel.load(FAMILY);
        adapters = new AdapterStore(model.model());
    }

    @AfterAll
    void unload() {
        adapters.close();
        model.close();
    }

    @BeforeEach
    void start() {
        threads = Thread.getAllStackTraces().keySet();
        time = new VirtualTime();
        kafka = new SimulatedKafka(time, Map.of(TOPICS.requests(), 2, TOPICS.results(), 1, TOPICS.deadLetters(), 1));
        kafka.assign(FIRST);
        engine = new RecordingEngine();
        committed.clear();
        failures.clear();
        control = new LoopControl(Duration.ofSeconds(30), time);
        status = new DeliveryStatus(time);
        requests = new RequestRunner(
                2 << 20,
                new Admission(
                        model.model(), adapters, new BoundaryTable(), AdapterSuggestions.NONE, RequestListener.NONE),
                adapters::lease,
                engine,
                new Answers(FAMILY, model.model().config().numLayers(), "w", time),
                new RequestRunner.Threads(Runnable::run, this::schedule, LIMITS),
                time,
                failures::add);
        RequestListener listener = new RequestListener() {
            @Override
            public void onCommitted(Answer answer, long nanos) {
                committed.add(answer);
            }
        };
        loops = budget -> new DeliveryLoop(
                new DeliveryOptions("group", OWNER, 4, 0.1, 2 << 20, budget, Duration.ofSeconds(10)),
                new DeliveryLoop.Cluster(
                        kafka,
                        TOPICS,
                        Deliveries.tenants(TOPICS.requestTopics()),
                        new ReplyRouting(
                                List.of(),
                                new ReplyTopics(TOPICS.results(), Map.of(TOPICS.results(), 1)),
                                new EventWriter(event -> {}))),
                new DeliveryLoop.Requests(requests, new WorkEstimate(engine), listener),
                control,
                status,
                new DeliveryLoop.Threads(Runnable::run, Runnable::run),
                time);
        loop = loops.apply(BUDGET);
        open();
    }

    @AfterEach
    void noThread() {
        assertThat(failures).isEmpty();
        assertThat(Thread.getAllStackTraces().keySet())
                .filteredOn(thread -> !threads.contains(thread))
                .filteredOn(thread ->
                        thread.getThreadGroup() == Thread.currentThread().getThreadGroup())
                .isEmpty();
    }

    @Test
    @DisplayName("Names the owner before a request runs, and commits each result together with its offset")
    void answers() {
        send(FIRST, "");
        send(FIRST, "");
        turns(3);
        assertThat(started()).containsExactly("0@0", "0@1");
        assertThat(metadata(FIRST).owner()).contains(OWNER);
        assertThat(results()).isEmpty();

        finish("0@1");
        turns(2);
        Transaction second = last();
        assertThat(second.records()).hasSize(1);
        assertThat(second.offsets().get(FIRST).offset()).isZero();
        assertThat(metadata(FIRST).finished()).isEqualTo(bits(1));
        finish("0@0");
        turns(2);
        assertThat(last().offsets().get(FIRST).offset()).isEqualTo(2);
        assertThat(answered()).containsExactly("0@1", "0@0");
        assertThat(committed).hasSize(2);
    }

    @Test
    @DisplayName("Ends after the open requests when it is stopped, and releases its partitions with the last commit")
    void stops() {
        send(FIRST, "");
        turns(3);
        control.stop();
        time.schedule(Duration.ofSeconds(3), () -> finish("0@0"));
        while (session.turn()) {
            assertThat(time.instant()).isBefore(START.plusSeconds(4));
        }
        assertThat(answered()).containsExactly("0@0");
        assertThat(metadata(FIRST).owner()).isEmpty();
        assertThat(status.abandonedRequests()).isZero();
        session.close();
        assertThat(kafka.openClients()).isZero();
    }

    @Test
    @DisplayName("Abandons what has not ended within the grace period of the first stop, and its offset stays")
    void graceIsOver() {
        send(FIRST, "");
        turns(3);
        control.stop();
        time.schedule(Duration.ofSeconds(20), control::stop);
        while (session.turn()) {
            assertThat(time.instant()).isBefore(START.plusSeconds(32));
        }
        assertThat(time.instant()).isAfter(START.plusSeconds(30));
        assertThat(status.abandonedRequests()).isEqualTo(1);
        assertThat(answered()).isEmpty();
        assertThat(kafka.committed(FIRST)).map(OffsetAndMetadata::offset).contains(0L);
        assertThat(metadata(FIRST).owner()).isEmpty();
    }

    @Test
    @DisplayName("Keeps its name in a partition whose request hangs in a step when the grace period is over")
    void hangingStep() {
        kafka.assign(FIRST, SECOND);
        send(FIRST, "");
        send(FIRST, "");
        send(SECOND, "");
        turns(3);
        hang("0@0", 11);
        control.stop();
        time.schedule(Duration.ofSeconds(5), () -> finish("0@1"));
        while (session.turn()) {
            assertThat(time.instant()).isBefore(START.plusSeconds(32));
        }
        session.close();
        assertThat(answered()).containsExactly("0@1");
        assertThat(status.abandonedRequests()).isEqualTo(2);
        assertThat(metadata(FIRST).owner()).contains(OWNER);
        assertThat(metadata(FIRST).finished()).isEqualTo(bits(1));
        assertThat(metadata(SECOND).owner()).isEmpty();
        assertThat(kafka.openClients()).isZero();
    }

    @Test
    @DisplayName("Keeps its name in a revoked partition whose request hangs in a step")
    void hangingStepOfRevoked() {
        kafka.assign(FIRST, SECOND);
        send(FIRST, "");
        turns(3);
        hang("0@0", 11);
        kafka.assign(SECOND);
        turns(1);
        assertThat(metadata(FIRST).owner()).contains(OWNER);
    }

    @Test
    @DisplayName("Releases a revoked partition if the step that seemed to hang ends within the grace")
    void slowStepOfRevoked() {
        kafka.assign(FIRST, SECOND);
        send(FIRST, "");
        send(FIRST, "");
        turns(3);
        hang("0@0", 11);
        engine.estimate(id -> OptionalDouble.of(5));
        kafka.assign(SECOND);
        time.schedule(Duration.ofSeconds(5), () -> {
            engine.runs();
            finish("0@0");
            finish("0@1");
        });
        turns(1);
        assertThat(answered()).containsExactlyInAnyOrder("0@0", "0@1");
        assertThat(metadata(FIRST).owner()).isEmpty();
    }

    @Test
    @DisplayName("Releases a revoked partition if the step of an abandoned request ends while others use the grace")
    void slowStepOfAbandoned() {
        kafka.assign(FIRST, SECOND);
        send(FIRST, "");
        send(FIRST, "");
        turns(3);
        hang("0@0", 11);
        engine.estimate(id -> OptionalDouble.of(id.contains("-0-0#") ? 1_000 : 5));
        kafka.assign(SECOND);
        time.schedule(Duration.ofSeconds(5), () -> {
            engine.runs();
            finish("0@1");
        });
        turns(1);
        assertThat(answered()).containsExactly("0@1");
        assertThat(metadata(FIRST).owner()).isEmpty();
    }

    @Test
    @DisplayName("Keeps its name if a partition comes back while the step of an earlier delivery still hangs")
    void hangingStepOfEarlierDelivery() {
        kafka.assign(FIRST, SECOND);
        send(FIRST, "");
        turns(3);
        hang("0@0", 11);
        kafka.assign(SECOND);
        turns(1);
        kafka.assign(FIRST, SECOND);
        turns(4);
        assertThat(started()).containsExactly("0@0", "0@0");
        assertThat(kafka.fenced()).isEmpty();
        assertThat(metadata(FIRST).crashes()).isEqualTo(CrashHistory.NONE);
        kafka.assign(SECOND);
        turns(1);
        assertThat(metadata(FIRST).owner()).contains(OWNER);
        kafka.assign(FIRST, SECOND);
        turns(3);
        engine.runs();
        kafka.assign(SECOND);
        turns(1);
        assertThat(metadata(FIRST).owner()).isEmpty();
    }

    @Test
    @DisplayName("Releases a partition whose request is in a step that does not take longer than others")
    void longStep() {
        send(FIRST, "");
        turns(3);
        hang("0@0", 10);
        control.stop();
        boolean more;
        do {
            more = session.turn();
        } while (more);
        assertThat(metadata(FIRST).owner()).isEmpty();
    }

    /** Lets the engine run one step with a request, for this number of ticks after the first. */
    private void hang(String request, int ticks) {
        engine.runs(new RunningStep(
                0, List.of(engine.submitted().get(started().indexOf(request)).id())));
        for (int i = 0; i < ticks; i++) {
            requests.watchdog().tick();
        }
    }

    @Test
    @DisplayName("Keeps a revoked partition until requests that can end within the grace have ended")
    void revoked() {
        kafka.assign(FIRST, SECOND);
        send(FIRST, "");
        send(FIRST, "");
        send(SECOND, "");
        turns(3);
        engine.estimate(id -> OptionalDouble.of(id.contains("-1#") ? 1_000 : 5));
        kafka.assign(SECOND);
        time.schedule(Duration.ofSeconds(5), () -> finish("0@0"));
        Instant before = time.instant();
        turns(1);
        assertThat(Duration.between(before, time.instant())).isBetween(Duration.ofSeconds(5), Duration.ofSeconds(6));
        assertThat(answered()).containsExactly("0@0");
        assertThat(engine.cancelledAfterSubmission()).singleElement().asString().contains("-0-1#");
        assertThat(metadata(FIRST).owner()).isEmpty();
        assertThat(metadata(SECOND).owner()).contains(OWNER);
        assertThat(status.runningRequests()).isEqualTo(1);
    }

    @Test
    @DisplayName("Commits nothing of a lost partition, also if its requests end later")
    void lost() {
        send(FIRST, "");
        turns(3);
        int transactions = kafka.transactions().size();
        kafka.lose(FIRST);
        turns(1);
        finish("0@0");
        turns(2);
        assertThat(kafka.transactions()).hasSize(transactions);
        assertThat(status.runningRequests()).isZero();
    }

    @Test
    @DisplayName("Writes a result once, whether a failed commit has had an effect or not")
    void failedCommits() {
        send(FIRST, "");
        send(FIRST, "");
        turns(3);
        kafka.failNextCommit(new KafkaException("planted"));
        finish("0@0");
        turns(3);
        assertThat(answered()).containsExactly("0@0");
        kafka.loseNextAnswer(new KafkaException("planted"));
        finish("0@1");
        turns(3);
        assertThat(answered()).containsExactly("0@0", "0@1");
        assertThat(committed).hasSize(2);
        assertThat(kafka.committed(FIRST)).map(OffsetAndMetadata::offset).contains(2L);
    }

    @Test
    @DisplayName("Ends the transactions of an owner that has died, and answers only what it has left")
    void takeover() {
        session.close();
        for (int i = 0; i < 3; i++) {
            send(FIRST, "");
        }
        kafka.commit(
                FIRST,
                new OffsetAndMetadata(
                        0,
                        Deliveries.metadata(Optional.of("group/dead"), false, CrashHistory.NONE, bits(1))
                                .toString()));
        open();
        turns(3);
        assertThat(kafka.fenced()).containsExactly("group/dead");
        assertThat(started()).containsExactly("0@0", "0@2");
        assertThat(metadata(FIRST).crashes().deaths()).isEqualTo(1);
    }

    @Test
    @DisplayName("Fences no producer of another application that a commit names as the owner, and counts no death")
    void foreignOwner() {
        session.close();
        send(FIRST, "");
        kafka.commit(
                FIRST,
                new OffsetAndMetadata(
                        0,
                        Deliveries.metadata(Optional.of("payments-1\nERROR"), false, CrashHistory.NONE, bits())
                                .toString()));
        open();
        turns(3);
        assertThat(kafka.fenced()).isEmpty();
        assertThat(started()).containsExactly("0@0");
        assertThat(metadata(FIRST).owner()).contains(OWNER);
        assertThat(metadata(FIRST).crashes()).isEqualTo(CrashHistory.NONE);
    }

    @Test
    @DisplayName("Reads from the first offset at which a truncated log differs, and answers the records that are there")
    void truncated() {
        answerAll(6);
        session.close();
        kafka.truncate(FIRST, 3);
        for (int i = 0; i < 5; i++) {
            send(FIRST, "");
        }
        open();
        turns(3);
        assertThat(started().subList(6, 10)).containsExactly("0@3", "0@4", "0@5", "0@6");
        assertThat(status.requestTopics().replacedLogs(FIRST.topic())).isEqualTo(1);
        assertThat(status.requestTopics().expiredUnread(FIRST.topic())).isZero();
    }

    @Test
    @DisplayName("Forgets results above the first offset at which a truncated log differs")
    void truncatedAboveTheCommit() {
        for (int i = 0; i < 4; i++) {
            send(FIRST, "");
        }
        turns(3);
        finish("0@1");
        finish("0@3");
        turns(3);
        assertThat(metadata(FIRST).finished()).isEqualTo(bits(1, 3));
        session.close();
        kafka.truncate(FIRST, 2);
        send(FIRST, "");
        send(FIRST, "");
        open();
        turns(3);
        assertThat(started().subList(4, started().size())).containsExactly("0@0", "0@2", "0@3");
    }

    @Test
    @DisplayName("Reads a log that is shorter than the committed offset from its beginning, if the commit has no epoch")
    void behindTheEnd() {
        session.close();
        send(FIRST, "");
        kafka.commit(FIRST, new OffsetAndMetadata(10));
        open();
        turns(3);
        assertThat(started()).containsExactly("0@0");
        assertThat(status.requestTopics().replacedLogs(FIRST.topic())).isEqualTo(1);
    }

    @Test
    @DisplayName("Reads on if another program has committed an epoch that the log can't have")
    void futureEpoch() {
        answerAll(2);
        session.close();
        send(FIRST, "");
        LogIdentity log = metadata(FIRST).log();
        kafka.commit(
                FIRST,
                new OffsetAndMetadata(
                        2, CommitMetadata.NONE.in(log.at(Integer.MAX_VALUE)).toString()));
        open();
        turns(3);
        assertThat(started().subList(2, started().size())).containsExactly("0@2");
        finish("0@2");
        turns(2);
        assertThat(metadata(FIRST).log()).isEqualTo(log);
        assertThat(status.requestTopics().replacedLogs(FIRST.topic())).isZero();
    }

    @Test
    @DisplayName("Reads a topic that was created again from its beginning, also if it has more records than before")
    void createdAgain() {
        answerAll(2);
        session.close();
        kafka.createAgain(FIRST.topic());
        for (int i = 0; i < 4; i++) {
            send(FIRST, "");
        }
        open();
        turns(3);
        assertThat(started().subList(2, 6)).containsExactly("0@0", "0@1", "0@2", "0@3");
    }

    @Test
    @DisplayName("Finds within seconds that a topic was created again while it is read")
    void createdAgainWhileRead() {
        answerAll(2);
        kafka.createAgain(FIRST.topic());
        send(FIRST, "");
        send(FIRST, "");
        assertThatThrownBy(() -> turns(200))
                .isInstanceOf(KafkaException.class)
                .hasMessageContaining("topic " + FIRST.topic() + " was created again");
        session.close();
        open();
        turns(3);
        assertThat(started().subList(2, 4)).containsExactly("0@0", "0@1");
    }

    @Test
    @DisplayName("Counts requests that were deleted unread, and keeps the results above them")
    void expired() {
        for (int i = 0; i < 4; i++) {
            send(FIRST, "");
        }
        turns(3);
        finish("0@1");
        finish("0@3");
        turns(3);
        session.close();
        send(FIRST, "");
        kafka.expire(FIRST, 3);
        open();
        turns(3);
        assertThat(started().subList(4, started().size())).containsExactly("0@4");
        assertThat(status.requestTopics().expiredUnread(FIRST.topic()))
                .as("0 and 2")
                .isEqualTo(2);
    }

    @Test
    @DisplayName("Counts requests that are deleted before they are read, and continues behind them")
    void expiredWhileRead() {
        answerAll(2);
        for (int i = 0; i < 4; i++) {
            send(FIRST, "");
        }
        kafka.expire(FIRST, 5);
        turns(3);
        assertThat(started().subList(2, started().size())).containsExactly("0@5");
        assertThat(status.requestTopics().expiredUnread(FIRST.topic())).isEqualTo(3);
        finish("0@5");
        turns(2);
        assertThat(kafka.committed(FIRST)).map(OffsetAndMetadata::offset).contains(6L);
    }

    @Test
    @DisplayName("Runs requests alone after two deaths, and answers a crashing request with an error")
    void crashingRequest() {
        session.close();
        send(FIRST, "");
        send(FIRST, "");
        CrashHistory history = new CrashHistory(2, 2, OptionalLong.of(0), CrashHistory.MAX_DEATHS - 1);
        kafka.commit(
                FIRST,
                new OffsetAndMetadata(
                        0,
                        Deliveries.metadata(Optional.of("group/dead"), false, history, new BitSet())
                                .toString()));
        open();
        turns(7);
        assertThat(results())
                .singleElement()
                .satisfies(
                        result -> assertThat(result.at("/error/code").asText()).isEqualTo("worker_crashed"));
        turns(4);
        assertThat(started()).as("the other request runs").containsExactly("0@1");
        finish("0@1");
        turns(2);
        assertThat(metadata(FIRST).crashes()).isEqualTo(CrashHistory.NONE);
    }

    @Test
    @DisplayName("Knows the age of the oldest request without a committed answer, while it runs and when it has ended")
    void oldestOpen() {
        assertThat(status.oldestOpenAge()).isZero();
        // four run at a time
        for (int i = 0; i < 5; i++) {
            send(FIRST, "");
        }
        turns(3);
        time.sleep(Duration.ofSeconds(60));
        send(FIRST, "");
        turns(1);
        finish("0@0");
        finish("0@1");
        finish("0@2");
        finish("0@3");
        turns(3);
        assertThat(started()).hasSize(6);
        Duration fifth = status.oldestOpenAge();
        assertThat(fifth).isGreaterThan(Duration.ofSeconds(60));
        kafka.failNextCommit(new KafkaException("planted"));
        finish("0@4");
        turns(1);
        assertThat(status.oldestOpenAge()).as("its commit has failed").isGreaterThanOrEqualTo(fifth);
        turns(3);
        assertThat(status.oldestOpenAge()).as("of the sixth").isBetween(Duration.ofMillis(1), fifth.minusSeconds(50));
        finish("0@5");
        turns(2);
        assertThat(status.oldestOpenAge()).isZero();
    }

    @Test
    @DisplayName("Knows the age of a request that was read and has not started")
    void oldestWaits() {
        send(FIRST, "");
        turns(1);
        assertThat(started()).as("before the claim of its partition").isEmpty();
        assertThat(kafka.member().position(FIRST)).isEqualTo(1);
        time.sleep(Duration.ofSeconds(60));
        assertThat(status.oldestOpenAge()).isGreaterThanOrEqualTo(Duration.ofSeconds(60));
    }

    @Test
    @DisplayName("Counts a transaction that fails, with and without an effect, and none that succeeds")
    void failedTransactions() {
        send(FIRST, "");
        send(FIRST, "");
        turns(3);
        assertThat(status.failedTransactions()).isZero();
        kafka.failNextCommit(new KafkaException("planted"));
        finish("0@0");
        turns(3);
        assertThat(status.failedTransactions()).isEqualTo(1);
        kafka.loseNextAnswer(new KafkaException("planted"));
        finish("0@1");
        turns(3);
        assertThat(status.failedTransactions()).isEqualTo(2);
    }

    @Test
    @DisplayName("Counts the session that an error has ended, and none that is stopped")
    void sessionRestarts() {
        answerAll(2);
        session.close();
        time.schedule(Duration.ofSeconds(5), () -> kafka.createAgain(FIRST.topic()));
        time.schedule(Duration.ofSeconds(60), control::stop);
        loop.run();
        assertThat(status.sessionRestarts()).isEqualTo(1);
    }

    @Test
    @DisplayName("Counts a death for a partition with requests, and the partitions whose requests run alone")
    void countedDeaths() {
        session.close();
        kafka.assign(FIRST, SECOND);
        send(FIRST, "");
        for (TopicPartition partition : List.of(FIRST, SECOND)) {
            kafka.commit(
                    partition,
                    new OffsetAndMetadata(
                            0,
                            Deliveries.metadata(
                                            Optional.of("group/dead"),
                                            false,
                                            new CrashHistory(1, 1, OptionalLong.empty(), 0),
                                            new BitSet())
                                    .toString()));
        }
        open();
        turns(10);
        assertThat(status.requestTopics().deaths(FIRST.topic()))
                .as("the second partition has no request")
                .isEqualTo(1);
        assertThat(status.isolatedPartitions()).isEqualTo(1);
        finish("0@0");
        turns(3);
        assertThat(status.isolatedPartitions()).isZero();
    }

    @Test
    @DisplayName("Ends a request at its deadline")
    void deadline() {
        send(FIRST, ", \"deadline\": \"" + START.plusSeconds(5) + "\"");
        turns(3);
        assertThat(started()).hasSize(1);
        assertThat(engine.reasons()).isEmpty();
        time.sleep(Duration.ofSeconds(5));
        assertThat(engine.reasons()).containsExactly(FinishReason.DEADLINE);
    }

    @Test
    @DisplayName("Ends without a release after a crash: the next owner finds the name of this one")
    void crash() {
        send(FIRST, "");
        turns(3);
        control.crash();
        assertThat(session.turn()).isFalse();
        session.close();
        assertThat(metadata(FIRST).owner()).contains(OWNER);
        assertThat(answered()).isEmpty();
    }

    /** Sends requests and ends them. */
    private void answerAll(int count) {
        for (int i = 0; i < count; i++) {
            send(FIRST, "");
            turns(3);
            finish("0@" + i);
        }
        turns(2);
        assertThat(kafka.committed(FIRST)).map(OffsetAndMetadata::offset).contains((long) count);
    }

    @Test
    @DisplayName("Starts no request that does not fit, with its log-probabilities, into the share of open requests")
    void openBytes() {
        for (int i = 0; i < 4; i++) {
            send(FIRST, LARGE);
        }
        turns(4);
        assertThat(started()).containsExactly("0@0", "0@1", "0@2");
        assertThat(status.openBytes()).isBetween(BUDGET.openBytes() * 2 / 3, BUDGET.openBytes());
        finish("0@1");
        turns(3);
        assertThat(started()).containsExactly("0@0", "0@1", "0@2", "0@3");
        finish("0@0");
        finish("0@2");
        finish("0@3");
        turns(3);
        assertThat(status.openBytes()).isZero();
    }

    @Test
    @DisplayName("Counts a large field that requests do not have with the bytes of its record only")
    void ignoredField() {
        for (int i = 0; i < 4; i++) {
            send(FIRST, ", \"more\": \"" + "x".repeat(1_000_000) + "\"");
        }
        turns(4);
        assertThat(started()).hasSize(4);
        assertThat(status.openBytes()).isBetween(4_000_000L, 4_100_000L);
    }

    @Test
    @DisplayName("Leaves half of the share of open requests to the other partitions")
    void partitionOpenBytes() {
        kafka.assign(FIRST, SECOND);
        send(FIRST, LARGE);
        send(FIRST, LARGE);
        send(SECOND, LARGE);
        turns(4);
        assertThat(started()).containsExactlyInAnyOrder("0@0", "1@0");
        finish("0@0");
        turns(3);
        assertThat(started()).hasSize(3);
    }

    @Test
    @DisplayName("Pauses a partition whose records use its share of the heap, and reads the others")
    void partitionShare() {
        session.close();
        kafka.assign(FIRST, SECOND);
        // reads one record of each partition in a poll; each partition has 8 MiB
        loop = loops.apply(new HeapBudget(HeapBudget.MIN_HEAP_BYTES, 4 << 20));
        open();
        for (int i = 0; i < 4; i++) {
            send(FIRST, "");
        }
        turns(10);
        assertThat(started()).hasSize(4);
        for (int i = 0; i < 9; i++) {
            kafka.append(FIRST, null, new byte[3_000_000]);
        }
        turns(12);
        assertThat(kafka.member().position(FIRST)).isEqualTo(7);
        assertThat(status.readBytes()).isBetween(9_000_000L, 9_010_000L);
        assertThat(kafka.member().paused()).containsExactly(FIRST);
        send(SECOND, "");
        turns(1);
        assertThat(kafka.member().position(SECOND)).isEqualTo(1);
    }

    @Test
    @DisplayName("Reads nothing ahead while a request runs alone, of its partition or of others")
    void noReadAheadAlone() {
        session.close();
        kafka.assign(FIRST, SECOND);
        for (int i = 0; i < 3; i++) {
            send(FIRST, "");
            send(SECOND, "");
        }
        CrashHistory history = new CrashHistory(2, 2, OptionalLong.empty(), 0);
        kafka.commit(
                FIRST,
                new OffsetAndMetadata(
                        0,
                        Deliveries.metadata(Optional.empty(), false, history, new BitSet())
                                .toString()));
        loop = loops.apply(new HeapBudget(HeapBudget.MIN_HEAP_BYTES, 4 << 20));
        open();
        turns(10);
        assertThat(started()).containsExactly("0@0");
        assertThat(kafka.member().position(FIRST)).isEqualTo(1);
        assertThat(kafka.member().position(SECOND)).isZero();
        finish("0@0");
        turns(10);
        assertThat(started()).containsExactly("0@0", "0@1");
        assertThat(kafka.member().position(SECOND)).isZero();
        finish("0@1");
        turns(10);
        assertThat(started()).hasSize(6);
    }

    private static final Instant START = new VirtualTime().instant();

    private void open() {
        session = loop.open();
        session.subscribe(TOPICS.requestTopics());
    }

    private Runnable schedule(Duration delay, Runnable task) {
        AtomicBoolean cancelled = new AtomicBoolean();
        time.schedule(delay, () -> {
            if (!cancelled.get()) {
                task.run();
            }
        });
        return () -> cancelled.set(true);
    }

    /** A request of 8.9 MB on the heap, of which three fit into the 32 MiB of open requests. */
    private static final String LARGE =
            ", \"max_tokens\": 195, \"n\": 16, \"logprobs\": 20, \"more\": \"" + "x".repeat(1_000_000) + "\"";

    /** @param fields more fields of the request, each with a comma before it */
    private void send(TopicPartition partition, String fields) {
        kafka.append(
                partition,
                null,
                TopicClient.bytes("{\"model\": \"" + model.model().name() + "\", \"prompt\": \"x\"" + fields + "}"));
    }

    private void turns(int count) {
        for (int i = 0; i < count; i++) {
            assertThat(session.turn()).isTrue();
        }
    }

    /** The requests that were started, as {@code PARTITION@OFFSET}. */
    private List<String> started() {
        return engine.submitted().stream()
                .map(request -> request.id().replaceFirst(".*-(\\d+)-(\\d+)#\\d+", "$1@$2"))
                .toList();
    }

    private void finish(String request) {
        int index = started().indexOf(request);
        engine.listeners()
                .get(index)
                .onFinished(new Completion(
                        engine.submitted().get(index).id(),
                        List.of(new Completion.Choice(0, "done", List.of(1), FinishReason.STOP, List.of())),
                        new Completion.Usage(1, 1, 0),
                        new Completion.Timing(1, 1, 2)));
    }

    private List<JsonNode> results() {
        return kafka.records(TOPICS.results()).stream()
                .map(record -> TopicClient.json(record.value()))
                .toList();
    }

    /** The requests that have a result, as {@code PARTITION@OFFSET}, with repetitions. */
    private List<String> answered() {
        return results().stream()
                .map(result -> result.at("/tidemark/source"))
                .map(source -> source.get("partition") + "@" + source.get("offset"))
                .toList();
    }

    private Transaction last() {
        List<Transaction> all = kafka.transactions();
        return all.get(all.size() - 1);
    }

    private CommitMetadata metadata(TopicPartition partition) {
        return CommitMetadata.of(
                partition.toString(), kafka.committed(partition).orElseThrow());
    }

    private static BitSet bits(int... set) {
        BitSet bits = new BitSet();
        for (int bit : set) {
            bits.set(bit);
        }
        return bits;
    }
}
