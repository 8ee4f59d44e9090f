package io.tidemark.stream.delivery;

import static io.tidemark.stream.delivery.OneThreadDelivery.FIRST;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import org.apache.kafka.common.KafkaException;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** On one thread, with virtual time: what metrics and health checks read. */
@DisplayName("The status of the delivery")
class DeliveryStatusTest {

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    @AutoClose
    private final OneThreadDelivery delivery = new OneThreadDelivery(MODEL);

    private final SimulatedKafka kafka = delivery.kafka();
    private final LoopControl control = delivery.control();
    private final DeliveryStatus status = delivery.status();
    private final VirtualTime time = delivery.time();

    @Test
    @DisplayName("Knows the age of the oldest request without a committed answer, while it runs and when it has ended")
    void oldestOpen() {
        assertThat(status.oldestOpenAge()).isZero();
        // four run at a time
        for (int i = 0; i < 5; i++) {
            delivery.send(FIRST);
        }
        delivery.turns(3);
        time.sleep(Duration.ofSeconds(60));
        delivery.send(FIRST);
        delivery.turns(1);
        delivery.finish("0@0");
        delivery.finish("0@1");
        delivery.finish("0@2");
        delivery.finish("0@3");
        delivery.turns(3);
        assertThat(delivery.started()).hasSize(6);
        Duration fifth = status.oldestOpenAge();
        assertThat(fifth).isGreaterThan(Duration.ofSeconds(60));
        kafka.failNextCommit(new KafkaException("planted"));
        delivery.finish("0@4");
        delivery.turns(1);
        assertThat(status.oldestOpenAge()).as("its commit has failed").isGreaterThanOrEqualTo(fifth);
        delivery.turns(3);
        assertThat(status.oldestOpenAge()).as("of the sixth").isBetween(Duration.ofMillis(1), fifth.minusSeconds(50));
        delivery.finish("0@5");
        delivery.turns(2);
        assertThat(status.oldestOpenAge()).isZero();
    }

    @Test
    @DisplayName("Knows the age of a request that was read and has not started")
    void oldestWaits() {
        delivery.send(FIRST);
        delivery.turns(1);
        assertThat(delivery.started()).as("before the claim of its partition").isEmpty();
        assertThat(kafka.member().position(FIRST)).isEqualTo(1);
        time.sleep(Duration.ofSeconds(60));
        assertThat(status.oldestOpenAge()).isGreaterThanOrEqualTo(Duration.ofSeconds(60));
    }

    @Test
    @DisplayName("Counts a transaction that fails, with and without an effect, and none that succeeds")
    void failedTransactions() {
        delivery.send(FIRST);
        delivery.send(FIRST);
        delivery.turns(3);
        assertThat(status.transactions().failed()).isZero();
        kafka.failNextCommit(new KafkaException("planted"));
        delivery.finish("0@0");
        delivery.turns(3);
        assertThat(status.transactions().failed()).isEqualTo(1);
        kafka.loseNextAnswer(new KafkaException("planted"));
        delivery.finish("0@1");
        delivery.turns(3);
        assertThat(status.transactions().failed()).isEqualTo(2);
    }

    @Test
    @DisplayName("Counts the session that an error has ended, and none that is stopped")
    void sessionRestarts() {
        delivery.answerAll(2);
        delivery.closeSession();
        time.schedule(Duration.ofSeconds(5), () -> kafka.createAgain(FIRST.topic()));
        time.schedule(Duration.ofSeconds(60), control::stop);
        delivery.runLoop();
        assertThat(status.sessionRestarts()).isEqualTo(1);
    }
}
