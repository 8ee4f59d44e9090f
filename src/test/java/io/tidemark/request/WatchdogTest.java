package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.Engine.RunningStep;
import io.tidemark.generation.EngineRequest;
import io.tidemark.message.CancellationMessage;
import io.tidemark.stream.LogCapture;
import io.tidemark.time.RunningTime;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The watchdog")
class WatchdogTest {

    private static final String CHAT =
            "{\"id\": \"chat\", \"model\": \"warm\", \"messages\": [{\"role\": \"user\", \"content\": \"x\"}], "
                    + "\"max_tokens\": 4, \"timeout_ms\": 100000}";

    private final RequestRunnerFixture fixture = new RequestRunnerFixture();

    @AfterEach
    void closeFixture() {
        fixture.close();
    }

    @Test
    @DisplayName("Ends the process when a step has run for its limit, gives no answer, and reports what hangs")
    void hungStep() {
        CompletableFuture<Answer> answered = fixture.deliver(1, "warm");
        RunningStep step = step();
        fixture.engine().runs(step);
        ticks(RequestRunnerFixture.LIMITS.step());
        assertThat(fixture.failures()).isEmpty();
        assertThat(fixture.requests().watchdog().hang()).isEmpty();
        fixture.requests().watchdog().tick();
        assertThat(fixture.failures())
                .singleElement()
                .satisfies(failure -> assertThat(failure)
                        .hasMessageContaining("a step of the engine")
                        .hasMessageContaining("tidemark.engine.step-limit"));
        assertThat(fixture.requests().watchdog().hang())
                .hasValueSatisfying(what -> assertThat(what).contains("has not ended within"));
        assertThat(fixture.requests().watchdog().stepAge()).isEqualTo(RequestRunnerFixture.LIMITS.step());
        assertThat(answered).isNotDone();
        ticks(Duration.ofSeconds(5));
        assertThat(fixture.failures()).hasSize(1);
    }

    @Test
    @DisplayName("Does not count steps together, nor the time between two ticks")
    void manySteps() {
        fixture.deliver(1, "warm");
        for (int i = 0; i < 10; i++) {
            fixture.engine().runs(step());
            ticks(RequestRunnerFixture.LIMITS.step());
            fixture.time().sleep(Duration.ofHours(1));
        }
        assertThat(fixture.failures()).isEmpty();
    }

    @Test
    @DisplayName("Interrupts the chat template of a request at the limit, and the request gets an error")
    void interruptedTemplate() {
        fixture.duringAdmission(
                () -> ticks(RequestRunnerFixture.LIMITS.admission().plus(RunningTime.TICK)));
        CompletableFuture<Answer> answered = fixture.deliver(1, now(), CHAT);
        assertThat(answered).isCompleted();
        assertThat(fixture.results()).contains("chat_template_timeout", "\"param\":\"messages\"");
        assertThat(fixture.failures()).isEmpty();
        fixture.duringAdmission(() -> {});
        fixture.deliver(2, now(), CHAT);
        assertThat(fixture.engine().submitted()).hasSize(1);
    }

    @Test
    @DisplayName("Rejects no request that ends at its deadline while its chat template is rendered")
    void endedDuringTemplate() {
        fixture.duringAdmission(() -> fixture.time().sleep(Duration.ofSeconds(101)));
        List<String> logged = LogCapture.of(
                Answers.class, () -> assertThat(fixture.deliver(1, now(), CHAT)).isCompleted());
        assertThat(fixture.answers()).hasSize(1);
        assertThat(fixture.results()).contains("deadline").doesNotContain("chat_template_timeout");
        assertThat(logged).isEmpty();
    }

    @Test
    @DisplayName("Logs no failure of the adapter of a request that was cancelled")
    void lateAdapter() {
        CompletableFuture<Answer> answered = fixture.deliver(1, "cold");
        fixture.requests().cancel(CancellationMessage.ofId("r1"), now());
        assertThat(answered).isCompleted();
        List<String> logged = LogCapture.of(
                RequestRun.class, () -> fixture.coldLease().completeExceptionally(new IllegalStateException("late")));
        assertThat(logged).isEmpty();
        assertThat(fixture.answers()).hasSize(1);
    }

    @Test
    @DisplayName("Ends the process when an admission goes on after its interruption, as in the native tokenizer")
    void hungAdmission() {
        Duration limit = RequestRunnerFixture.LIMITS.admission().plus(Watchdog.AFTER_INTERRUPTION);
        fixture.duringAdmission(() -> {
            ticks(limit);
            assertThat(fixture.failures()).isEmpty();
            fixture.requests().watchdog().tick();
            assertThat(fixture.failures())
                    .singleElement()
                    .satisfies(failure -> assertThat(failure).hasMessageContaining("tidemark.limits.admission-time"));
        });
        fixture.deliver(1, now(), CHAT);
        assertThat(fixture.failures()).hasSize(1);
    }

    @Test
    @DisplayName("Suspects the requests of a step that takes much longer than any before, and no others")
    void suspects() {
        endsStep();
        ReceivedRequest inStep = fixture.received(1, 0, body(1));
        ReceivedRequest other = fixture.received(2, 0, body(2));
        fixture.deliver(inStep);
        RunningStep step = step();
        fixture.deliver(other);
        fixture.engine().runs(step);
        ticks(Watchdog.MIN_UNUSUAL);
        assertThat(fixture.requests().watchdog().seemsToHang(inStep)).isFalse();
        fixture.requests().watchdog().tick();
        assertThat(fixture.requests().watchdog().seemsToHang(inStep)).isTrue();
        assertThat(fixture.requests().watchdog().seemsToHang(other)).isFalse();
        fixture.requests().abandon(inStep);
        assertThat(fixture.requests().watchdog().seemsToHang(inStep))
                .as("abandoned")
                .isTrue();

        // a step of this length is not unusual any more
        fixture.engine().runs(step());
        ticks(Watchdog.MIN_UNUSUAL.plus(RunningTime.TICK));
        assertThat(fixture.requests().watchdog().seemsToHang(inStep)).isFalse();
    }

    @Test
    @DisplayName("Suspects the requests of a first step after half of its limit only: it may be slow")
    void firstStep() {
        ReceivedRequest request = fixture.received(1, 0, body(1));
        fixture.deliver(request);
        fixture.engine().runs(step());
        ticks(RequestRunnerFixture.LIMITS.step().dividedBy(2).plus(RunningTime.TICK));
        assertThat(fixture.requests().watchdog().seemsToHang(request)).isFalse();
        fixture.requests().watchdog().tick();
        assertThat(fixture.requests().watchdog().seemsToHang(request)).isTrue();
    }

    /** A short step of another request. */
    private void endsStep() {
        fixture.engine().runs(new RunningStep(List.of("other")));
        fixture.requests().watchdog().tick();
        fixture.engine().waits();
        fixture.requests().watchdog().tick();
    }

    private long now() {
        return fixture.time().instant().toEpochMilli();
    }

    /** A step of all requests that the engine has got. */
    private RunningStep step() {
        return new RunningStep(
                fixture.engine().submitted().stream().map(EngineRequest::id).toList());
    }

    private void ticks(Duration duration) {
        for (long i = 0; i < duration.toSeconds(); i++) {
            fixture.requests().watchdog().tick();
        }
    }

    private static String body(int id) {
        return "{\"id\": \"r%d\", \"model\": \"warm\", \"prompt\": \"x\", \"max_tokens\": 4}".formatted(id);
    }
}
