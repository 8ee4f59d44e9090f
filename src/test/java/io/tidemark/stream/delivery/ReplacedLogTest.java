package io.tidemark.stream.delivery;

import static io.tidemark.stream.delivery.OneThreadDelivery.FIRST;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.stream.delivery.partition.CommitMetadata;
import io.tidemark.stream.delivery.partition.LogIdentity;
import io.tidemark.stream.topics.SimulatedKafka;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** On one thread, with virtual time. {@link RequestLogsTest} does the same to a real broker. */
@DisplayName("A worker whose request topic was truncated, created again or expired")
class ReplacedLogTest {

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    @AutoClose
    private final OneThreadDelivery delivery = new OneThreadDelivery(MODEL);

    private final SimulatedKafka kafka = delivery.kafka();
    private final DeliveryStatus status = delivery.status();

    @Test
    @DisplayName("Reads from the first offset at which a truncated log differs, and answers the records that are there")
    void truncated() {
        delivery.answerAll(6);
        delivery.closeSession();
        kafka.truncate(FIRST, 3);
        for (int i = 0; i < 5; i++) {
            delivery.send(FIRST);
        }
        delivery.openSession();
        delivery.turns(3);
        assertThat(delivery.started().subList(6, 10)).containsExactly("0@3", "0@4", "0@5", "0@6");
        assertThat(status.requestTopics().replacedLogs(FIRST.topic())).isEqualTo(1);
        assertThat(status.requestTopics().expiredUnread(FIRST.topic())).isZero();
    }

    @Test
    @DisplayName("Forgets results above the first offset at which a truncated log differs")
    void truncatedAboveTheCommit() {
        for (int i = 0; i < 4; i++) {
            delivery.send(FIRST);
        }
        delivery.turns(3);
        delivery.finish("0@1");
        delivery.finish("0@3");
        delivery.turns(3);
        assertThat(delivery.metadata(FIRST).finished()).isEqualTo(Deliveries.bits(1, 3));
        delivery.closeSession();
        kafka.truncate(FIRST, 2);
        delivery.send(FIRST);
        delivery.send(FIRST);
        delivery.openSession();
        delivery.turns(3);
        assertThat(delivery.started().subList(4, delivery.started().size())).containsExactly("0@0", "0@2", "0@3");
    }

    @Test
    @DisplayName("Reads a log that is shorter than the committed offset from its beginning, if the commit has no epoch")
    void behindTheEnd() {
        delivery.closeSession();
        delivery.send(FIRST);
        kafka.commit(FIRST, new OffsetAndMetadata(10));
        delivery.openSession();
        delivery.turns(3);
        assertThat(delivery.started()).containsExactly("0@0");
        assertThat(status.requestTopics().replacedLogs(FIRST.topic())).isEqualTo(1);
    }

    @Test
    @DisplayName("Reads on if another program has committed an epoch that the log can't have")
    void futureEpoch() {
        delivery.answerAll(2);
        delivery.closeSession();
        delivery.send(FIRST);
        LogIdentity log = delivery.metadata(FIRST).log();
        kafka.commit(
                FIRST,
                new OffsetAndMetadata(
                        2, CommitMetadata.NONE.in(log.at(Integer.MAX_VALUE)).toString()));
        delivery.openSession();
        delivery.turns(3);
        assertThat(delivery.started().subList(2, delivery.started().size())).containsExactly("0@2");
        delivery.finish("0@2");
        delivery.turns(2);
        assertThat(delivery.metadata(FIRST).log()).isEqualTo(log);
        assertThat(status.requestTopics().replacedLogs(FIRST.topic())).isZero();
    }

    @Test
    @DisplayName("Reads a topic that was created again from its beginning, also if it has more records than before")
    void createdAgain() {
        delivery.answerAll(2);
        delivery.closeSession();
        kafka.createAgain(FIRST.topic());
        for (int i = 0; i < 4; i++) {
            delivery.send(FIRST);
        }
        delivery.openSession();
        delivery.turns(3);
        assertThat(delivery.started().subList(2, 6)).containsExactly("0@0", "0@1", "0@2", "0@3");
    }

    @Test
    @DisplayName("Finds within seconds that a topic was created again while it is read")
    void createdAgainWhileRead() {
        delivery.answerAll(2);
        kafka.createAgain(FIRST.topic());
        delivery.send(FIRST);
        delivery.send(FIRST);
        assertThatThrownBy(() -> delivery.turns(200))
                .isInstanceOf(KafkaException.class)
                .hasMessageContaining("topic " + FIRST.topic() + " was created again");
        delivery.closeSession();
        delivery.openSession();
        delivery.turns(3);
        assertThat(delivery.started().subList(2, 4)).containsExactly("0@0", "0@1");
    }

    @Test
    @DisplayName("Counts requests that were deleted unread, and keeps the results above them")
    void expired() {
        for (int i = 0; i < 4; i++) {
            delivery.send(FIRST);
        }
        delivery.turns(3);
        delivery.finish("0@1");
        delivery.finish("0@3");
        delivery.turns(3);
        delivery.closeSession();
        delivery.send(FIRST);
        kafka.expire(FIRST, 3);
        delivery.openSession();
        delivery.turns(3);
        assertThat(delivery.started().subList(4, delivery.started().size())).containsExactly("0@4");
        assertThat(status.requestTopics().expiredUnread(FIRST.topic()))
                .as("0 and 2")
                .isEqualTo(2);
    }

    @Test
    @DisplayName("Counts requests that are deleted before they are read, and continues behind them")
    void expiredWhileRead() {
        delivery.answerAll(2);
        for (int i = 0; i < 4; i++) {
            delivery.send(FIRST);
        }
        kafka.expire(FIRST, 5);
        delivery.turns(3);
        assertThat(delivery.started().subList(2, delivery.started().size())).containsExactly("0@5");
        assertThat(status.requestTopics().expiredUnread(FIRST.topic())).isEqualTo(3);
        delivery.finish("0@5");
        delivery.turns(2);
        assertThat(kafka.committed(FIRST)).map(OffsetAndMetadata::offset).contains(6L);
    }
}
