package io.tidemark.cli.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Sends requests and follows {@code generation-events} and {@code generation-results} until each has its result. */
public final class RequestClient implements AutoCloseable {

    private static final Duration POLL = Duration.ofMillis(200);

    private final ObjectMapper json = new ObjectMapper();
    private final Topics topics;
    private final Producer<String, byte[]> producer;
    private final TopicTail tail;

    /** Reads events and results from now on, so that no answer to a later request is missed. */
    public RequestClient(Cluster cluster, Topics topics) {
        this.topics = topics;
        this.tail = TopicTail.fromNow(cluster, topics.events(), topics.results());
        this.producer = cluster.producer();
    }

    /**
     * Sends all requests at once and returns their answers in the order of the requests.
     *
     * @param requests each with an {@code id} of its own
     * @param most     how long to wait for the last answer; when it has passed, what has come is returned
     */
    public List<Answer> ask(List<ObjectNode> requests, AnswerListener listener, Duration most) {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (ObjectNode request : requests) {
            sent.add(producer.send(new ProducerRecord<>(topics.requests(), request.path("model").asText(null), bytes(request))));
        }
        sent.forEach(Sent::await);
        Conversation conversation = new Conversation(ids(requests), listener);
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
        producer.close(Duration.ZERO); // every record was awaited
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

    private byte[] bytes(ObjectNode request) {
        try {
            return json.writeValueAsBytes(request);
        } catch (IOException e) {
            throw new UncheckedIOException("a request that cannot be written", e);
        }
    }

    /** What has come for the open requests; a larger attempt replaces a lower one, and a lower one is dropped. */
    private static final class Conversation {

        private final Map<String, Long> attempts = new LinkedHashMap<>();
        private final Map<String, Answer> answers = new LinkedHashMap<>();
        private final List<String> ids;
        private final AnswerListener listener;

        Conversation(List<String> ids, AnswerListener listener) {
            this.ids = ids;
            this.listener = listener;
        }

        boolean hasOpenRequests() {
            return answers.size() < ids.size();
        }

        void hear(boolean result, JsonNode record) {
            String id = record.path("id").asText();
            if (!ids.contains(id) || answers.containsKey(id)) {
                return;
            }
            if (result) {
                Answer answer = new Answer(id, record);
                answers.put(id, answer);
                listener.onAnswer(answer);
            } else {
                hearEvent(id, record);
            }
        }

        private void hearEvent(String id, JsonNode event) {
            long attempt = event.path("attempt").asLong();
            Long known = attempts.put(id, Math.max(attempt, attempts.getOrDefault(id, attempt)));
            if (known != null && attempt < known) {
                return;
            }
            if (known != null && attempt > known) {
                listener.onRestart(id);
            }
            String piece = event.path("text").asText("");
            if (!piece.isEmpty()) {
                listener.onText(id, event.path("choice").asInt(), piece);
            }
        }

        List<Answer> answers() {
            return ids.stream().filter(answers::containsKey).map(answers::get).toList();
        }
    }
}
