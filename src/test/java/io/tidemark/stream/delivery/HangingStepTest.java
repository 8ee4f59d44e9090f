package io.tidemark.stream.delivery;

import static io.tidemark.stream.delivery.OneThreadDelivery.FIRST;
import static io.tidemark.stream.delivery.OneThreadDelivery.OWNER;
import static io.tidemark.stream.delivery.OneThreadDelivery.SECOND;
import static io.tidemark.stream.delivery.OneThreadDelivery.START;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.Engine.RunningStep;
import io.tidemark.request.RecordingEngine;
import io.tidemark.stream.delivery.partition.CrashHistory;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** On one thread, with virtual time: which owner a commit names when a step of the engine does not end. */
@DisplayName("A worker that gives up a partition while a step of its engine seems to hang")
class HangingStepTest {

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
    @DisplayName("Keeps its name in a partition whose request hangs in a step when the grace period is over")
    void hangingStep() {
        kafka.assign(FIRST, SECOND);
        delivery.send(FIRST);
        delivery.send(FIRST);
        delivery.send(SECOND);
        delivery.turns(3);
        hang("0@0", 11);
        control.stop();
        time.schedule(Duration.ofSeconds(5), () -> delivery.finish("0@1"));
        while (delivery.turn()) {
            assertThat(time.instant()).isBefore(START.plusSeconds(32));
        }
        delivery.closeSession();
        assertThat(delivery.answered()).containsExactly("0@1");
        assertThat(status.abandonedRequests()).isEqualTo(2);
        assertThat(delivery.metadata(FIRST).owner()).contains(OWNER);
        assertThat(delivery.metadata(FIRST).finished()).isEqualTo(Deliveries.bits(1));
        assertThat(delivery.metadata(SECOND).owner()).isEmpty();
        assertThat(kafka.openClients()).isZero();
    }

    @Test
    @DisplayName("Keeps its name in a revoked partition whose request hangs in a step")
    void hangingStepOfRevoked() {
        kafka.assign(FIRST, SECOND);
        delivery.send(FIRST);
        delivery.turns(3);
        hang("0@0", 11);
        kafka.assign(SECOND);
        delivery.turns(1);
        assertThat(delivery.metadata(FIRST).owner()).contains(OWNER);
    }

    @Test
    @DisplayName("Releases a revoked partition if the step that seemed to hang ends within the grace")
    void slowStepOfRevoked() {
        kafka.assign(FIRST, SECOND);
        delivery.send(FIRST);
        delivery.send(FIRST);
        delivery.turns(3);
        hang("0@0", 11);
        engine.estimate(id -> OptionalDouble.of(5));
        kafka.assign(SECOND);
        time.schedule(Duration.ofSeconds(5), () -> {
            engine.waits();
            delivery.finish("0@0");
            delivery.finish("0@1");
        });
        delivery.turns(1);
        assertThat(delivery.answered()).containsExactlyInAnyOrder("0@0", "0@1");
        assertThat(delivery.metadata(FIRST).owner()).isEmpty();
    }

    @Test
    @DisplayName("Releases a revoked partition if the step of an abandoned request ends while others use the grace")
    void slowStepOfAbandoned() {
        kafka.assign(FIRST, SECOND);
        delivery.send(FIRST);
        delivery.send(FIRST);
        delivery.turns(3);
        hang("0@0", 11);
        engine.estimate(id -> OptionalDouble.of(id.contains("-0-0#") ? 1_000 : 5));
        kafka.assign(SECOND);
        time.schedule(Duration.ofSeconds(5), () -> {
            engine.waits();
            delivery.finish("0@1");
        });
        delivery.turns(1);
        assertThat(delivery.answered()).containsExactly("0@1");
        assertThat(delivery.metadata(FIRST).owner()).isEmpty();
    }

    @Test
    @DisplayName("Keeps its name if a partition comes back while the step of an earlier delivery still hangs")
    void hangingStepOfEarlierDelivery() {
        kafka.assign(FIRST, SECOND);
        delivery.send(FIRST);
        delivery.turns(3);
        hang("0@0", 11);
        kafka.assign(SECOND);
        delivery.turns(1);
        kafka.assign(FIRST, SECOND);
        delivery.turns(4);
        assertThat(delivery.started()).containsExactly("0@0", "0@0");
        assertThat(kafka.fenced()).isEmpty();
        assertThat(delivery.metadata(FIRST).crashes()).isEqualTo(CrashHistory.NONE);
        kafka.assign(SECOND);
        delivery.turns(1);
        assertThat(delivery.metadata(FIRST).owner()).contains(OWNER);
        kafka.assign(FIRST, SECOND);
        delivery.turns(3);
        engine.waits();
        kafka.assign(SECOND);
        delivery.turns(1);
        assertThat(delivery.metadata(FIRST).owner()).isEmpty();
    }

    @Test
    @DisplayName("Releases a partition whose request is in a step that does not take longer than others")
    void longStep() {
        delivery.send(FIRST);
        delivery.turns(3);
        hang("0@0", 10);
        control.stop();
        boolean more;
        do {
            more = delivery.turn();
        } while (more);
        assertThat(delivery.metadata(FIRST).owner()).isEmpty();
    }

    /** Lets the engine run one step with a request, for this number of ticks after the first. */
    private void hang(String request, int ticks) {
        engine.runs(new RunningStep(List.of(
                engine.submitted().get(delivery.started().indexOf(request)).id())));
        for (int i = 0; i < ticks; i++) {
            delivery.requests().watchdog().tick();
        }
    }
}
