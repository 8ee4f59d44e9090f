package io.tidemark.stream.delivery;

import static io.tidemark.stream.delivery.OneThreadDelivery.FIRST;
import static io.tidemark.stream.delivery.OneThreadDelivery.OWNER;
import static io.tidemark.stream.delivery.OneThreadDelivery.SECOND;
import static io.tidemark.stream.delivery.OneThreadDelivery.START;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.FinishReason;
import io.tidemark.message.CancellationMessage;
import io.tidemark.request.Answer;
import io.tidemark.request.RecordingEngine;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.SimulatedKafka.Transaction;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.OptionalDouble;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Answers, commits, stops and revocations. */
@DisplayName("The delivery of requests on one thread, with virtual time and a cluster in memory,")
class OneThreadDeliveryTest {

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    @AutoClose
    private final OneThreadDelivery delivery = new OneThreadDelivery(MODEL);

    private final SimulatedKafka kafka = delivery.kafka();
    private final RecordingEngine engine = delivery.engine();
    private final LoopControl control = delivery.control();
    private final DeliveryStatus status = delivery.status();
    private final VirtualTime time = delivery.time();

    @Test
    @DisplayName("Names the owner before a request runs, and commits each result together with its offset")
    void answers() {
        delivery.send(FIRST);
        delivery.send(FIRST);
        delivery.turns(3);
        assertThat(delivery.started()).containsExactly("0@0", "0@1");
        assertThat(delivery.metadata(FIRST).owner()).contains(OWNER);
        assertThat(delivery.results()).isEmpty();

        delivery.finish("0@1");
        delivery.turns(2);
        Transaction second = kafka.lastTransaction();
        assertThat(second.records()).hasSize(1);
        assertThat(second.offsets().get(FIRST).offset()).isZero();
        assertThat(delivery.metadata(FIRST).finished()).isEqualTo(Deliveries.bits(1));
        delivery.finish("0@0");
        delivery.turns(2);
        assertThat(kafka.lastTransaction().offsets().get(FIRST).offset()).isEqualTo(2);
        assertThat(delivery.answered()).containsExactly("0@1", "0@0");
        assertThat(delivery.committed()).hasSize(2);
    }

    @Test
    @DisplayName("Writes a result once, whether a failed commit has had an effect or not")
    void failedCommits() {
        delivery.send(FIRST);
        delivery.send(FIRST);
        delivery.turns(3);
        kafka.failNextCommit(new KafkaException("planted"));
        delivery.finish("0@0");
        delivery.turns(3);
        assertThat(delivery.answered()).containsExactly("0@0");
        kafka.loseNextAnswer(new KafkaException("planted"));
        delivery.finish("0@1");
        delivery.turns(3);
        assertThat(delivery.answered()).containsExactly("0@0", "0@1");
        assertThat(delivery.committed()).hasSize(2);
        assertThat(kafka.committed(FIRST)).map(OffsetAndMetadata::offset).contains(2L);
    }

    @Test
    @DisplayName("Writes a result once when its commit is decided and never confirmed, and goes on with a new id")
    void decidedCommit() {
        delivery.send(FIRST);
        delivery.send(FIRST);
        delivery.turns(3);
        kafka.holdNextMarker(Duration.ofSeconds(12));
        delivery.finish("0@1");
        Instant before = time.instant();
        delivery.turns(3);
        assertThat(Duration.between(before, time.instant()))
                .as("the outcome is read when the offsets are stable")
                .isGreaterThan(Duration.ofSeconds(12));
        assertThat(delivery.committed()).hasSize(1);
        assertThat(delivery.metadata(FIRST).owner()).contains(OWNER + ".1");
        delivery.finish("0@0");
        delivery.turns(3);
        assertThat(delivery.answered()).containsExactly("0@1", "0@0");
        assertThat(delivery.committed()).hasSize(2);
        assertThat(kafka.committed(FIRST)).map(OffsetAndMetadata::offset).contains(2L);
        assertThat(kafka.fenced()).isEmpty();
    }

    @Test
    @DisplayName("Repeats a commit that times out while the transaction is open, with the same id")
    void openCommit() {
        delivery.send(FIRST);
        delivery.turns(3);
        kafka.failNextCommit(new TimeoutException("planted"));
        delivery.finish("0@0");
        delivery.turns(3);
        assertThat(delivery.answered()).containsExactly("0@0");
        assertThat(delivery.metadata(FIRST).owner()).contains(OWNER);
        assertThat(status.transactions().failed()).isZero();
    }

    @Test
    @DisplayName("Ends after the open requests when it is stopped, and releases its partitions with the last commit")
    void stops() {
        delivery.send(FIRST);
        delivery.turns(3);
        control.stop();
        time.schedule(Duration.ofSeconds(3), () -> delivery.finish("0@0"));
        while (delivery.turn()) {
            assertThat(time.instant()).isBefore(START.plusSeconds(4));
        }
        assertThat(delivery.answered()).containsExactly("0@0");
        assertThat(delivery.metadata(FIRST).owner()).isEmpty();
        assertThat(status.abandonedRequests()).isZero();
        delivery.closeSession();
        assertThat(kafka.openClients()).isZero();
    }

    @Test
    @DisplayName("Ends at once when it is stopped in an outage without open requests, and commits no release")
    void stopsInAnOutage() {
        delivery.send(FIRST);
        delivery.turns(3);
        delivery.finish("0@0");
        delivery.turns(3);
        delivery.beginOutage();
        Instant stopped = time.instant();
        control.stop();
        assertThat(delivery.turn()).isFalse();
        delivery.closeSession();
        assertThat(time.instant()).isEqualTo(stopped);
        assertThat(delivery.metadata(FIRST).owner()).contains(OneThreadDelivery.OWNER);
        assertThat(status.abandonedRequests()).isZero();
        assertThat(kafka.openClients()).isZero();
    }

    @Test
    @DisplayName("Waits for open requests in an outage until the grace is over, then ends without further calls")
    void graceInAnOutage() {
        delivery.send(FIRST);
        delivery.turns(3);
        delivery.beginOutage();
        control.stop();
        while (delivery.turn()) {
            assertThat(time.instant()).isBefore(START.plusSeconds(32));
        }
        assertThat(time.instant()).isAfter(START.plusSeconds(30));
        assertThat(status.abandonedRequests()).isEqualTo(1);
        delivery.closeSession();
        assertThat(time.instant()).isBefore(START.plusSeconds(32));
        assertThat(delivery.metadata(FIRST).owner()).contains(OneThreadDelivery.OWNER);
    }

    @Test
    @DisplayName("Abandons what has not ended within the grace period of the first stop, and its offset stays")
    void graceIsOver() {
        delivery.send(FIRST);
        delivery.turns(3);
        control.stop();
        time.schedule(Duration.ofSeconds(20), control::stop);
        while (delivery.turn()) {
            assertThat(time.instant()).isBefore(START.plusSeconds(32));
        }
        assertThat(time.instant()).isAfter(START.plusSeconds(30));
        assertThat(status.abandonedRequests()).isEqualTo(1);
        assertThat(delivery.answered()).isEmpty();
        assertThat(kafka.committed(FIRST)).map(OffsetAndMetadata::offset).contains(0L);
        assertThat(delivery.metadata(FIRST).owner()).isEmpty();
    }

    @Test
    @DisplayName("Keeps a revoked partition until requests that can end within the grace have ended")
    void revoked() {
        kafka.assign(FIRST, SECOND);
        delivery.send(FIRST);
        delivery.send(FIRST);
        delivery.send(SECOND);
        delivery.turns(3);
        engine.estimate(id -> OptionalDouble.of(id.contains("-1#") ? 1_000 : 5));
        kafka.assign(SECOND);
        time.schedule(Duration.ofSeconds(5), () -> delivery.finish("0@0"));
        Instant before = time.instant();
        delivery.turns(1);
        assertThat(Duration.between(before, time.instant())).isBetween(Duration.ofSeconds(5), Duration.ofSeconds(6));
        assertThat(delivery.answered()).containsExactly("0@0");
        assertThat(engine.cancelledAfterSubmission()).singleElement().asString().contains("-0-1#");
        assertThat(delivery.metadata(FIRST).owner()).isEmpty();
        assertThat(delivery.metadata(SECOND).owner()).contains(OWNER);
        assertThat(status.runningRequests()).isEqualTo(1);
    }

    @Test
    @DisplayName("A worker that ends gives requests of a revoked partition the rest of its own grace")
    void revokedAtTheEnd() {
        kafka.assign(FIRST, SECOND);
        delivery.send(FIRST);
        delivery.turns(3);
        engine.estimate(id -> OptionalDouble.of(20));
        control.stop();
        kafka.assign(SECOND);
        time.schedule(Duration.ofSeconds(20), () -> delivery.finish("0@0"));
        Instant before = time.instant();
        delivery.turns(1);
        assertThat(Duration.between(before, time.instant())).isBetween(Duration.ofSeconds(20), Duration.ofSeconds(21));
        assertThat(delivery.answered()).containsExactly("0@0");
        assertThat(engine.cancelledAfterSubmission()).isEmpty();
    }

    @Test
    @DisplayName("Commits nothing of a lost partition, also if its requests end later")
    void lost() {
        delivery.send(FIRST);
        delivery.turns(3);
        int transactions = kafka.transactions().size();
        kafka.lose(FIRST);
        delivery.turns(1);
        delivery.finish("0@0");
        delivery.turns(2);
        assertThat(kafka.transactions()).hasSize(transactions);
        assertThat(status.runningRequests()).isZero();
    }

    @Test
    @DisplayName("Ends a request at its deadline")
    void deadline() {
        delivery.send(FIRST, ", \"deadline\": \"" + START.plusSeconds(5) + "\"");
        delivery.turns(3);
        assertThat(delivery.started()).hasSize(1);
        assertThat(engine.reasons()).isEmpty();
        time.sleep(Duration.ofSeconds(5));
        assertThat(engine.reasons()).containsExactly(FinishReason.DEADLINE);
    }

    @Test
    @DisplayName("Answers requests that end before they start, while others run")
    void endsBeforeItStarts() {
        for (int i = 0; i < 4; i++) {
            delivery.send(FIRST);
        }
        delivery.send(FIRST, ", \"deadline\": \"" + START.plusSeconds(5) + "\"");
        delivery.send(FIRST, ", \"id\": \"cancelled\"");
        delivery.send(FIRST);
        delivery.turns(3);
        assertThat(delivery.started()).hasSize(4);
        time.sleep(Duration.ofSeconds(5));
        delivery.requests()
                .cancel(CancellationMessage.ofId("cancelled"), time.instant().toEpochMilli());
        delivery.turns(3);
        assertThat(delivery.answered()).containsExactly("0@4", "0@5");
        assertThat(delivery.committed()).extracting(Answer::outcome).containsExactlyInAnyOrder("deadline", "cancelled");
        delivery.finish("0@0");
        delivery.turns(3);
        assertThat(delivery.started()).hasSize(5);
        assertThat(delivery.answered()).containsExactly("0@4", "0@5", "0@0");
    }
}
