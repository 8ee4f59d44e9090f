package io.tidemark.stream.delivery;

import static io.tidemark.stream.delivery.OneThreadDelivery.BUDGET;
import static io.tidemark.stream.delivery.OneThreadDelivery.FIRST;
import static io.tidemark.stream.delivery.OneThreadDelivery.SECOND;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.load.HeapBudget;
import io.tidemark.stream.topics.SimulatedKafka;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** On one thread, with virtual time: which requests are read and started with the shares of the heap. */
@DisplayName("The delivery within its shares of the heap")
class DeliveryHeapTest {

    /** A request of 8.9 MB on the heap, of which three fit into the 32 MiB of open requests. */
    private static final String LARGE =
            ", \"max_tokens\": 195, \"n\": 16, \"logprobs\": 20, \"more\": \"" + "x".repeat(1_000_000) + "\"";

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    @AutoClose
    private final OneThreadDelivery delivery = new OneThreadDelivery(MODEL);

    private final SimulatedKafka kafka = delivery.kafka();
    private final DeliveryStatus status = delivery.status();

    @Test
    @DisplayName("Starts no request that does not fit, with its log-probabilities, into the share of open requests")
    void openBytes() {
        for (int i = 0; i < 4; i++) {
            delivery.send(FIRST, LARGE);
        }
        delivery.turns(4);
        assertThat(delivery.started()).containsExactly("0@0", "0@1", "0@2");
        assertThat(status.openBytes()).isBetween(BUDGET.openBytes() * 2 / 3, BUDGET.openBytes());
        delivery.finish("0@1");
        delivery.turns(3);
        assertThat(delivery.started()).containsExactly("0@0", "0@1", "0@2", "0@3");
        delivery.finish("0@0");
        delivery.finish("0@2");
        delivery.finish("0@3");
        delivery.turns(3);
        assertThat(status.openBytes()).isZero();
    }

    @Test
    @DisplayName("Counts a large field that requests do not have with the bytes of its record only")
    void ignoredField() {
        for (int i = 0; i < 4; i++) {
            delivery.send(FIRST, ", \"more\": \"" + "x".repeat(1_000_000) + "\"");
        }
        delivery.turns(4);
        assertThat(delivery.started()).hasSize(4);
        assertThat(status.openBytes()).isBetween(4_000_000L, 4_100_000L);
    }

    @Test
    @DisplayName("Leaves half of the share of open requests to the other partitions")
    void partitionOpenBytes() {
        kafka.assign(FIRST, SECOND);
        delivery.send(FIRST, LARGE);
        delivery.send(FIRST, LARGE);
        delivery.send(SECOND, LARGE);
        delivery.turns(4);
        assertThat(delivery.started()).containsExactlyInAnyOrder("0@0", "1@0");
        delivery.finish("0@0");
        delivery.turns(3);
        assertThat(delivery.started()).hasSize(3);
    }

    @Test
    @DisplayName("Pauses a partition whose records use its share of the heap, and reads the others")
    void partitionShare() {
        delivery.closeSession();
        kafka.assign(FIRST, SECOND);
        // reads one record of each partition in a poll; each partition has 8 MiB
        delivery.openSession(new HeapBudget(HeapBudget.MIN_HEAP_BYTES, 4 << 20));
        for (int i = 0; i < 4; i++) {
            delivery.send(FIRST);
        }
        delivery.turns(10);
        assertThat(delivery.started()).hasSize(4);
        for (int i = 0; i < 9; i++) {
            kafka.append(FIRST, null, new byte[3_000_000]);
        }
        delivery.turns(12);
        assertThat(kafka.member().position(FIRST)).isEqualTo(7);
        assertThat(status.readBytes()).isBetween(9_000_000L, 9_010_000L);
        assertThat(kafka.member().paused()).containsExactly(FIRST);
        delivery.send(SECOND);
        delivery.turns(1);
        assertThat(kafka.member().position(SECOND)).isEqualTo(1);
    }
}
