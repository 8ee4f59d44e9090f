package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.CompletionResult;
import io.tidemark.time.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A request whose answer fails")
class FailedAnswersTest {

    /** A clock that fails for the next calls. Every result has a time. */
    private static final class FailingClock implements Time {

        private final Time time;
        private final AtomicInteger failures;

        FailingClock(Time time, AtomicInteger failures) {
            this.time = time;
            this.failures = failures;
        }

        @Override
        public Instant instant() {
            if (failures.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
                throw new IllegalStateException("planted");
            }
            return time.instant();
        }

        @Override
        public long nanoTime() {
            return time.nanoTime();
        }

        @Override
        public void sleep(Duration duration) {
            time.sleep(duration);
        }
    }

    private final AtomicInteger failures = new AtomicInteger();

    @Test
    @DisplayName("Is answered with internal_error if its result can't be built, and the process goes on")
    void resultFails() {
        try (RequestRunnerFixture fixture = new RequestRunnerFixture(time -> new FailingClock(time, failures))) {
            CompletableFuture<Answer> answered = fixture.deliver(1, "warm");
            failures.set(1);
            fixture.engine().listeners().get(0).onFinished(new Failure("r1", "engine_error", "it broke"));
            assertThat(answered).isCompleted();
            assertThat(fixture.results())
                    .contains("internal_error", "the worker failed to build the result")
                    .doesNotContain("planted");
            assertThat(fixture.failures()).isEmpty();
        }
    }

    @Test
    @DisplayName("Is answered with internal_error if its rejection can't be built")
    void rejectionFails() {
        try (RequestRunnerFixture fixture = new RequestRunnerFixture(time -> new FailingClock(time, failures))) {
            failures.set(1);
            assertThat(fixture.deliver(1, "unknown")).isCompleted();
            assertThat(fixture.results()).contains("internal_error");
            assertThat(fixture.failures()).isEmpty();
        }
    }

    @Test
    @DisplayName("Ends the process if not even the error can be built: no request stays open without an answer")
    void errorFails() {
        try (RequestRunnerFixture fixture = new RequestRunnerFixture(time -> new FailingClock(time, failures))) {
            CompletableFuture<Answer> answered = fixture.deliver(1, "warm");
            failures.set(2);
            fixture.engine().listeners().get(0).onFinished(new Failure("r1", "engine_error", "it broke"));
            assertThat(answered).isNotDone();
            assertThat(fixture.failures())
                    .singleElement()
                    .satisfies(failure -> assertThat(failure).hasMessage("planted"));
        }
    }

    @Test
    @DisplayName("Ends the process if whoever takes the answer throws an exception or an error")
    void takerFails() {
        try (RequestRunnerFixture fixture = new RequestRunnerFixture()) {
            fixture.requests().start(fixture.received(1, 0, "{"), answer -> {
                throw new IllegalStateException("planted exception");
            });
            fixture.requests().start(fixture.received(2, 0, "{"), answer -> {
                throw new OutOfMemoryError("planted error");
            });
            assertThat(fixture.failures())
                    .extracting(Throwable::getMessage)
                    .containsExactly("planted exception", "planted error");
        }
    }

    @Test
    @DisplayName("Ends the process if the load of its adapter ends with an error, and is rejected after an exception")
    void adapterFails() {
        try (RequestRunnerFixture fixture = new RequestRunnerFixture()) {
            CompletableFuture<Answer> answered = fixture.deliver(1, "cold");
            fixture.coldLease().completeExceptionally(new OutOfMemoryError("planted error"));
            assertThat(answered).isNotDone();
            assertThat(fixture.failures()).hasSize(1);
        }
        try (RequestRunnerFixture fixture = new RequestRunnerFixture()) {
            CompletableFuture<Answer> answered = fixture.deliver(1, "cold");
            fixture.coldLease().completeExceptionally(new IllegalStateException("planted exception"));
            assertThat(answered).isCompleted();
            assertThat(fixture.results()).contains("internal_error").doesNotContain("planted");
            assertThat(fixture.failures()).isEmpty();
        }
    }

    @Test
    @DisplayName("Has one answer, although the engine reports its outcome twice")
    void twice() {
        try (RequestRunnerFixture fixture = new RequestRunnerFixture()) {
            fixture.deliver(1, "warm");
            for (int i = 0; i < 2; i++) {
                fixture.engine().listeners().get(0).onFinished(new Failure("r1", "engine_error", "it broke"));
            }
            assertThat(fixture.answers())
                    .singleElement()
                    .satisfies(answer -> assertThat(answer.result()).isNotInstanceOf(CompletionResult.class));
        }
    }
}
