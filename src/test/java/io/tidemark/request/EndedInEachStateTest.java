package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.CancellationMessage;
import io.tidemark.message.EventMessage;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A deadline or a cancellation")
class EndedInEachStateTest {

    private static final String BODY =
            "{\"id\": \"r1\", \"model\": \"%s\", \"prompt\": \"x\", \"max_tokens\": 4, \"n\": 2, \"stream\": true, "
                    + "\"timeout_ms\": 3000}";

    private final RequestRunnerFixture fixture = new RequestRunnerFixture();

    @AfterEach
    void closeFixture() {
        fixture.close();
    }

    @Test
    @DisplayName("Ends a request while its adapter loads: the lease that comes later is given back")
    void deadlineWhileLoading() {
        CompletableFuture<Answer> answered = fixture.deliver(1, now(), BODY.formatted("cold"));
        fixture.time().sleep(Duration.ofSeconds(2));
        assertThat(answered).isNotDone();
        fixture.time().sleep(Duration.ofSeconds(2));
        assertEnded(answered, "deadline");
        fixture.coldLease().complete(fixture.store().awaitLease("cold"));
        assertThat(fixture.engine().submitted()).isEmpty();
        assertThat(fixture.answers()).hasSize(1);
    }

    @Test
    @DisplayName("Ends a request while its adapter loads, and a later deadline has no effect")
    void cancelledWhileLoading() {
        CompletableFuture<Answer> answered = fixture.deliver(1, now(), BODY.formatted("cold"));
        cancel();
        assertEnded(answered, "cancelled");
        fixture.time().sleep(Duration.ofSeconds(5));
        assertThat(fixture.answers()).hasSize(1);
        assertThat(fixture.events()).hasSize(2);
    }

    @Test
    @DisplayName("Ends a request during its admission, and the admission stops")
    void duringAdmission() {
        fixture.duringAdmission(this::cancel);
        assertEnded(fixture.deliver(1, now(), BODY.formatted("cold")), "cancelled");
        fixture.duringAdmission(() -> fixture.time().sleep(Duration.ofSeconds(4)));
        assertEnded(fixture.deliver(2, now(), BODY.formatted("cold").replace("r1", "r2")), "deadline");
        assertThat(fixture.noAdapterRequested()).isTrue();
        assertThat(fixture.engine().submitted()).isEmpty();
    }

    @Test
    @DisplayName("That came before the request was read ends it before its admission")
    void beforeAdmission() {
        cancel();
        assertEnded(
                fixture.deliver(1, now(), BODY.formatted("cold").replace(", \"timeout_ms\": 3000", "")), "cancelled");
        assertThat(fixture.noAdapterRequested()).isTrue();
    }

    @Test
    @DisplayName("Is passed to the engine once the engine has the request")
    void inTheEngine() {
        fixture.deliver(1, now(), BODY.formatted("warm"));
        cancel();
        fixture.time().sleep(Duration.ofSeconds(4));
        assertThat(fixture.engine().reasons()).extracting(Enum::name).containsExactly("CANCELLED", "DEADLINE");
        assertThat(fixture.answers()).isEmpty();
    }

    private void cancel() {
        fixture.requests().cancel(CancellationMessage.ofId("r1"), now());
    }

    private long now() {
        return fixture.time().instant().toEpochMilli();
    }

    /** The request has its answer, and each choice its last event. */
    private void assertEnded(CompletableFuture<Answer> answered, String reason) {
        assertThat(answered)
                .isCompletedWithValueMatching(answer -> answer.outcome().equals(reason));
        assertThat(answered.join().error()).isEmpty();
        assertThat(fixture.events())
                .filteredOn(event -> event.id().equals(answered.join().result().id()))
                .extracting(EventMessage::finishReason)
                .containsExactly(Optional.of(reason), Optional.of(reason));
    }
}
