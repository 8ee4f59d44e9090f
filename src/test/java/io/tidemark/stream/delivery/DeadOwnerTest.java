package io.tidemark.stream.delivery;

import static io.tidemark.stream.delivery.OneThreadDelivery.FIRST;
import static io.tidemark.stream.delivery.OneThreadDelivery.OWNER;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.stream.delivery.partition.CrashHistory;
import io.tidemark.stream.topics.SimulatedKafka;
import java.util.Optional;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** On one thread, with virtual time: a partition whose last owner has died, or seems to. */
@DisplayName("A commit that names an owner")
class DeadOwnerTest {

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    @AutoClose
    private final OneThreadDelivery delivery = new OneThreadDelivery(MODEL);

    private final SimulatedKafka kafka = delivery.kafka();
    private final LoopControl control = delivery.control();

    @Test
    @DisplayName("Ends the transactions of an owner that has died, and answers only what it has left")
    void takeover() {
        delivery.closeSession();
        for (int i = 0; i < 3; i++) {
            delivery.send(FIRST);
        }
        delivery.commit(FIRST, Optional.of("group/dead"), CrashHistory.NONE, 1);
        delivery.openSession();
        delivery.turns(3);
        assertThat(kafka.fenced()).containsExactly("group/dead");
        assertThat(delivery.started()).containsExactly("0@0", "0@2");
        assertThat(delivery.metadata(FIRST).crashes().deaths()).isEqualTo(1);
    }

    @Test
    @DisplayName("Fences no producer of another application that a commit names as the owner, and counts no death")
    void foreignOwner() {
        delivery.closeSession();
        delivery.send(FIRST);
        delivery.commit(FIRST, Optional.of("payments-1\nERROR"), CrashHistory.NONE);
        delivery.openSession();
        delivery.turns(3);
        assertThat(kafka.fenced()).isEmpty();
        assertThat(delivery.started()).containsExactly("0@0");
        assertThat(delivery.metadata(FIRST).owner()).contains(OWNER);
        assertThat(delivery.metadata(FIRST).crashes()).isEqualTo(CrashHistory.NONE);
    }

    @Test
    @DisplayName("Ends without a release after a crash: the next owner finds the name of this one")
    void crash() {
        delivery.send(FIRST);
        delivery.turns(3);
        control.crash();
        assertThat(delivery.turn()).isFalse();
        delivery.closeSession();
        assertThat(delivery.metadata(FIRST).owner()).contains(OWNER);
        assertThat(delivery.answered()).isEmpty();
    }
}
