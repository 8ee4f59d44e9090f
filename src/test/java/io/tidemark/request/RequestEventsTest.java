package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.FinishReason;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.EventMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Events of a request")
class RequestEventsTest {

    private static final String REQUEST =
            "{\"id\": \"r\", \"model\": \"m\", \"prompt\": \"x\", \"n\": 2, \"stream\": true}";

    private final List<EventMessage> sent = new ArrayList<>();
    private final List<Outcome> outcomes = new ArrayList<>();

    @Test
    @DisplayName("End with an event with reason error for each choice that has not finished when the request fails")
    void failure() {
        RequestEvents running = events(sent, () -> false);
        running.onText(0, "a");
        running.onChoiceFinished(0, FinishReason.STOP);
        running.onText(1, "b");
        running.onFinished(new Failure("r", "engine_error", "it broke"));
        assertThat(sent)
                .containsExactly(
                        new EventMessage("r", 3, 0, 0, "a", Optional.empty()),
                        new EventMessage("r", 3, 0, 1, "", Optional.of("stop")),
                        new EventMessage("r", 3, 1, 0, "b", Optional.empty()),
                        new EventMessage("r", 3, 1, 1, "", Optional.of("error")));
        assertThat(outcomes).hasSize(1);
    }

    @Test
    @DisplayName("Are not sent for a request that was abandoned, because its next worker sends them")
    void abandoned() {
        RequestEvents running = events(sent, () -> true);
        running.onText(0, "a");
        running.onChoiceFinished(0, FinishReason.CANCELLED);
        assertThat(sent).isEmpty();
    }

    @Test
    @DisplayName("Do not keep the outcome from its request if a last event can't be sent")
    void lastEventFails() {
        // an immutable list refuses the event
        RequestEvents running = events(List.of(), () -> false);
        try {
            running.onFinished(new Failure("r", "engine_error", "it broke"));
        } catch (UnsupportedOperationException e) {
            // the engine logs it
        }
        assertThat(outcomes).hasSize(1);
    }

    private RequestEvents events(List<EventMessage> target, BooleanSupplier isAbandoned) {
        return new RequestEvents(
                RequestRunnerFixture.received(7, 0, REQUEST, Optional.empty(), target),
                RequestRunnerFixture.admitted(REQUEST),
                isAbandoned,
                outcomes::add);
    }
}
