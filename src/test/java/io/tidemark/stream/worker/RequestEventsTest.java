package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.FinishReason;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.EventMessage;
import io.tidemark.message.TopicJson;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.topics.ReplyTopics;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Events of a request")
class RequestEventsTest {

    private static final ReplyRouting ROUTING =
            new ReplyRouting(TestSettings.with(Map.of()).replies(), new ReplyTopics("results", Map.of("results", 1)));

    private static final byte[] REQUEST =
            "{\"id\": \"r\", \"model\": \"m\", \"prompt\": \"x\", \"n\": 2, \"stream\": true}"
                    .getBytes(StandardCharsets.UTF_8);

    @Test
    @DisplayName("End with an event with reason error for each choice that has not finished when the request fails")
    void failure() {
        List<Message<byte[]>> written = new ArrayList<>();
        List<Outcome> outcomes = new ArrayList<>();
        RequestEvents running = new RequestEvents(
                new IncomingRequest(new ConsumerRecord<>("t", 0, 7, null, REQUEST), 3),
                RequestLifecycleFixture.admitted(REQUEST),
                new EventWriter(ROUTING, written::add),
                () -> false,
                outcomes::add);
        running.onText(0, "a");
        running.onChoiceFinished(0, FinishReason.STOP);
        running.onText(1, "b");
        running.onFinished(new Failure("r", "engine_error", "it broke"));
        List<EventMessage> events = new ArrayList<>();
        for (Message<byte[]> event : written) {
            events.add(TopicJson.read(event.getPayload(), EventMessage.class));
        }
        assertThat(events)
                .containsExactly(
                        new EventMessage("r", 3, 0, 0, "a", Optional.empty()),
                        new EventMessage("r", 3, 0, 1, "", Optional.of("stop")),
                        new EventMessage("r", 3, 1, 0, "b", Optional.empty()),
                        new EventMessage("r", 3, 1, 1, "", Optional.of("error")));
        assertThat(outcomes).hasSize(1);
    }

    @Test
    @DisplayName("Are not written for a request that was abandoned, because its next worker writes them")
    void abandoned() {
        List<Message<byte[]>> written = new ArrayList<>();
        RequestEvents running = new RequestEvents(
                new IncomingRequest(new ConsumerRecord<>("t", 0, 7, null, REQUEST), 3),
                RequestLifecycleFixture.admitted(REQUEST),
                new EventWriter(ROUTING, written::add),
                () -> true,
                outcome -> {});
        running.onText(0, "a");
        running.onChoiceFinished(0, FinishReason.CANCELLED);
        assertThat(written).isEmpty();
    }

    @Test
    @DisplayName("Are dropped and counted, without an exception, while the channel is full")
    void full() {
        EventWriter writer = new EventWriter(ROUTING, event -> {
            throw new IllegalStateException("the buffer is full");
        });
        writer.write(
                new IncomingRequest(new ConsumerRecord<>("t", 0, 7, null, REQUEST), 3),
                new EventMessage("r", 3, 0, 0, "a", Optional.empty()));
        assertThat(writer.dropped()).isOne();
    }
}
