package io.tidemark.stream.calibrator;

import static io.tidemark.stream.calibrator.OneThreadCalibrator.TOPICS;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.time.Instant;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** On one thread, with virtual time and a cluster in memory. */
@DisplayName("A calibrator whose broker, batch or process fails")
class CalibratorFailuresTest {

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    @AutoClose
    private final OneThreadCalibrator fixture = new OneThreadCalibrator(MODEL);

    private final SimulatedKafka kafka = fixture.kafka();
    private final VirtualTime time = fixture.time();
    private final Instant start = fixture.time().instant();
    private CalibratorService calibrator = fixture.newCalibrator();

    @Test
    @DisplayName("opens new clients one second after a failed commit, and scores the batch again")
    void failedCommit() {
        fixture.send("b1");
        fixture.script(heartbeat -> kafka.failNextCommit(new TimeoutException("no broker")));
        calibrator.turn();
        assertThat(calibrator.disruption()).contains("no broker");
        assertThat(kafka.openClients()).isZero();
        assertThat(time.instant()).isEqualTo(start.plusSeconds(1));
        assertThat(fixture.committed()).isZero();
        assertThat(kafka.records(TOPICS.boundaryDecisions())).isEmpty();

        fixture.script(heartbeat -> {});
        calibrator.turn();
        assertThat(calibrator.disruption()).isEmpty();
        assertThat(fixture.sweeps()).isEqualTo(2);
        assertThat(fixture.committed()).isEqualTo(1);
        assertThat(fixture.lastState().path("counted_batches")).hasSize(1);
        assertThat(kafka.records(TOPICS.boundaryDecisions())).hasSize(1);
    }

    @Test
    @DisplayName("does not score a batch again whose commit has succeeded without an answer")
    void lostAnswer() {
        fixture.send("b1");
        fixture.script(heartbeat -> kafka.loseNextAnswer(new TimeoutException("no answer")));
        calibrator.turn();
        assertThat(calibrator.disruption()).contains("no answer");
        assertThat(fixture.committed()).isEqualTo(1);
        calibrator.turn();
        assertThat(calibrator.disruption()).isEmpty();
        assertThat(fixture.committed()).isEqualTo(1);
        assertThat(fixture.sweeps()).isEqualTo(1);
    }

    @Test
    @DisplayName("restarts after a failed poll during a sweep, and adds no failure to the batch")
    void failedPoll() {
        fixture.send("b1");
        time.schedule(Duration.ofSeconds(1), () -> kafka.member().setPollException(new TimeoutException("no broker")));
        fixture.script(fixture.lasting(Duration.ofMinutes(1)));
        calibrator.turn();
        assertThat(calibrator.disruption()).contains("no broker");
        assertThat(fixture.attempts().path("failures").asInt()).isZero();
        assertThat(fixture.attempts().has("running_in")).isFalse();
        assertThat(kafka.openClients()).isZero();
    }

    @Test
    @DisplayName(
            "makes a batch a dead letter whose processing throws an exception three times, and counts the next one")
    void failsThreeTimes() {
        fixture.send("fails");
        fixture.send("good");
        // the scores can't be added to the state
        fixture.missingBoundaries(1);
        for (int failed = 1; failed <= 3; failed++) {
            calibrator.turn();
            assertThat(fixture.attempts().path("failures").asInt()).isEqualTo(failed);
            assertThat(fixture.reported()).isEmpty();
        }
        calibrator.turn();
        assertThat(fixture.reported()).containsExactly("batch_failed");
        assertThat(kafka.records(TOPICS.validationDeadLetters())).hasSize(1);
        fixture.missingBoundaries(0);
        calibrator.turn();
        assertThat(fixture.committed()).isEqualTo(2);
        assertThat(fixture.lastState().path("counted_batches")).hasSize(1);
    }

    @Test
    @DisplayName("ends with an Error, after it has counted the failure and closed its clients")
    void error() {
        fixture.send("fails");
        Error error = new StackOverflowError("for this test");
        fixture.script(heartbeat -> {
            throw error;
        });
        calibrator.run();
        assertThat(calibrator.isAlive()).isFalse();
        assertThat(calibrator.failure().toCompletableFuture()).isCompletedWithValue(error);
        assertThat(kafka.openClients()).isZero();
        assertThat(fixture.committed()).isZero();
        assertThat(fixture.attempts().path("failures").asInt()).isEqualTo(1);
        assertThat(fixture.attempts().has("running_in")).isFalse();
        assertThat(fixture.reported()).isEmpty();
    }

    @Test
    @DisplayName("counts the death of a process that could not commit its failure before it ended")
    void errorWithoutCommit() {
        fixture.send("fails");
        fixture.script(heartbeat -> {
            kafka.failNextCommit(new TimeoutException("no broker"));
            throw new OutOfMemoryError("for this test");
        });
        calibrator.run();
        assertThat(calibrator.failure().toCompletableFuture())
                .isCompletedWithValueMatching(OutOfMemoryError.class::isInstance);
        assertThat(fixture.attempts().path("running_in").isTextual()).isTrue();

        fixture.script(heartbeat ->
                assertThat(fixture.attempts().path("failures").asInt()).isEqualTo(1));
        calibrator = fixture.newCalibrator();
        calibrator.turn();
        assertThat(fixture.committed()).isEqualTo(1);
    }
}
