package io.tidemark.stream.delivery;

import static io.tidemark.stream.delivery.OneThreadDelivery.FIRST;
import static io.tidemark.stream.delivery.OneThreadDelivery.SECOND;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.load.HeapBudget;
import io.tidemark.stream.delivery.partition.CrashHistory;
import io.tidemark.stream.topics.SimulatedKafka;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** On one thread, with virtual time: how requests run in a partition whose owners have died. */
@DisplayName("The delivery of a partition whose owners have died")
class IsolatedRequestsTest {

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    @AutoClose
    private final OneThreadDelivery delivery = new OneThreadDelivery(MODEL);

    private final SimulatedKafka kafka = delivery.kafka();
    private final DeliveryStatus status = delivery.status();

    @Test
    @DisplayName("Runs requests alone after two deaths, and answers a crashing request with an error")
    void crashingRequest() {
        delivery.closeSession();
        delivery.send(FIRST);
        delivery.send(FIRST);
        CrashHistory history = new CrashHistory(2, 2, OptionalLong.of(0), CrashHistory.MAX_DEATHS - 1);
        delivery.commit(FIRST, Optional.of("group/dead"), history);
        delivery.openSession();
        delivery.turns(7);
        assertThat(delivery.results())
                .singleElement()
                .satisfies(
                        result -> assertThat(result.at("/error/code").asText()).isEqualTo("worker_crashed"));
        delivery.turns(4);
        assertThat(delivery.started()).as("the other request runs").containsExactly("0@1");
        delivery.finish("0@1");
        delivery.turns(2);
        assertThat(delivery.metadata(FIRST).crashes()).isEqualTo(CrashHistory.NONE);
    }

    @Test
    @DisplayName("Counts a death for a partition with requests, and the partitions whose requests run alone")
    void countedDeaths() {
        delivery.closeSession();
        kafka.assign(FIRST, SECOND);
        delivery.send(FIRST);
        for (TopicPartition partition : List.of(FIRST, SECOND)) {
            delivery.commit(partition, Optional.of("group/dead"), new CrashHistory(1, 1, OptionalLong.empty(), 0));
        }
        delivery.openSession();
        delivery.turns(10);
        assertThat(status.requestTopics().deaths(FIRST.topic()))
                .as("the second partition has no request")
                .isEqualTo(1);
        assertThat(status.isolatedPartitions()).isEqualTo(1);
        delivery.finish("0@0");
        delivery.turns(3);
        assertThat(status.isolatedPartitions()).isZero();
    }

    @Test
    @DisplayName("Reads nothing ahead while a request runs alone, of its partition or of others")
    void noReadAheadAlone() {
        delivery.closeSession();
        kafka.assign(FIRST, SECOND);
        for (int i = 0; i < 3; i++) {
            delivery.send(FIRST);
            delivery.send(SECOND);
        }
        CrashHistory history = new CrashHistory(2, 2, OptionalLong.empty(), 0);
        delivery.commit(FIRST, Optional.empty(), history);
        delivery.openSession(new HeapBudget(HeapBudget.MIN_HEAP_BYTES, 4 << 20));
        delivery.turns(10);
        assertThat(delivery.started()).containsExactly("0@0");
        assertThat(kafka.member().position(FIRST)).isEqualTo(1);
        assertThat(kafka.member().position(SECOND)).isZero();
        delivery.finish("0@0");
        delivery.turns(10);
        assertThat(delivery.started()).containsExactly("0@0", "0@1");
        assertThat(kafka.member().position(SECOND)).isZero();
        delivery.finish("0@1");
        delivery.turns(10);
        assertThat(delivery.started()).hasSize(6);
    }
}
