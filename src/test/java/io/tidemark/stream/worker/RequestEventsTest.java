package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.generation.StopConditions;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.TopicJson;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.topics.TopicLayout;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Events of a request")
class RequestEventsTest {

    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of()).topics());

    private static final byte[] REQUEST =
            "{\"id\": \"r\", \"model\": \"m\", \"prompt\": \"x\", \"n\": 2, \"stream\": true}"
                    .getBytes(StandardCharsets.UTF_8);

    @Test
    @DisplayName("End with an event with reason error for each choice that has not finished when the request fails")
    void failure() throws IOException {
        MockProducer<byte[], byte[]> producer =
                new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
        List<Outcome> outcomes = new ArrayList<>();
        try (AnswerWriter writer = new AnswerWriter(producer, TOPICS)) {
            RequestEvents running = new RequestEvents(
                    new IncomingRequest(new ConsumerRecord<>("t", 0, 7, null, REQUEST), 3),
                    admitted(),
                    writer,
                    outcomes::add);
            running.onText(0, "a");
            running.onChoiceFinished(0, FinishReason.STOP);
            running.onText(1, "b");
            running.onFinished(new Failure("r", "engine_error", "it broke"));
        }
        List<EventMessage> events = new ArrayList<>();
        for (ProducerRecord<byte[], byte[]> record : producer.history()) {
            events.add(TopicJson.newMapper(new JsonFactory()).readValue(record.value(), EventMessage.class));
        }
        assertThat(events)
                .containsExactly(
                        new EventMessage("r", 3, 0, 0, "a", Optional.empty()),
                        new EventMessage("r", 3, 0, 1, "", Optional.of("stop")),
                        new EventMessage("r", 3, 1, 0, "b", Optional.empty()),
                        new EventMessage("r", 3, 1, 1, "", Optional.of("error")));
        assertThat(outcomes).hasSize(1);
    }

    private static AdmittedRequest admitted() {
        RequestMessage message = ((Parsed.Valid<RequestMessage>) RequestMessage.parse(REQUEST, 1000)).record();
        return new AdmittedRequest(
                "r",
                message,
                Optional.empty(),
                new GenerationRequest(
                        "r",
                        List.of(1),
                        new GenerationParams(StopConditions.after(4), SamplingParams.GREEDY, 1, 2, OptionalInt.empty()),
                        Optional.empty(),
                        Boundary.full(2)));
    }
}
