package io.tidemark.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Sends requests and follows {@code generation-events} and {@code generation-results} until each has its result. */
public final class RequestClient implements AutoCloseable {

    private static final Duration POLL = Duration.ofMillis(200);

    private final ObjectMapper json = new ObjectMapper();
    private final Topics topics;
    private final Outbox outbox;
    private final TopicTail tail;

    /** Reads events and results from now on, so that no answer to a later request is missed. */
    public RequestClient(Cluster cluster, Topics topics) {
        this.topics = topics;
        this.tail = TopicTail.fromNow(cluster, topics.events(), topics.results());
        this.outbox = new Outbox(cluster);
    }

    /**
     * Sends all requests at once and returns their answers in the order of the requests.
     *
     * @param requests each with an {@code id} of its own
     * @param most     how long to wait for the last answer; when it has passed, what has come is returned
     */
    public List<Answer> ask(List<ObjectNode> requests, AnswerListener listener, Duration most) {
        List<RecordMetadata> places =
                outbox.putAll(requests.stream().map(this::record).toList());
        Conversation conversation = new Conversation(ids(requests), places, listener);
        Instant end = Instant.now().plus(most);
        while (conversation.hasOpenRequests() && Instant.now().isBefore(end)) {
            for (ConsumerRecord<String, byte[]> record : tail.poll(POLL)) {
                conversation.hear(record.topic().equals(topics.results()), read(record.value()));
            }
        }
        return conversation.answers();
    }

    @Override
    public void close() {
        outbox.close();
        tail.close();
    }

    private static List<String> ids(List<ObjectNode> requests) {
        return requests.stream().map(request -> request.path("id").asText()).toList();
    }

    private JsonNode read(byte[] value) {
        try {
            return value == null ? json.nullNode() : json.readTree(value);
        } catch (IOException e) {
            return json.nullNode(); // another writer's garbage is no answer to ours
        }
    }

    private ProducerRecord<String, byte[]> record(ObjectNode request) {
        byte[] value = request.toString().getBytes(StandardCharsets.UTF_8);
        return new ProducerRecord<>(topics.requests(), request.path("model").asText(null), value);
    }
}
