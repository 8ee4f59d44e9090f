package io.tidemark.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/**
 * Sends requests and reads {@code generation-events} and {@code generation-results} until each request has its result.
 * Reads committed results only, and matches them by {@code tidemark.source}, the position of the request's record. An
 * instance is used by one thread.
 */
public final class RequestClient implements AutoCloseable {

    private static final Duration POLL = Duration.ofMillis(200);

    private final ObjectMapper json = new ObjectMapper();
    private final Topics topics;
    private final RecordSender sender;
    private final TopicReader reader;

    /** Seeks to the ends of both topics, so that the results of all later requests are read. */
    public RequestClient(Cluster cluster, Topics topics) {
        this.topics = topics;
        this.reader = TopicReader.fromNow(cluster, topics.events(), topics.results());
        this.sender = new RecordSender(cluster);
    }

    /**
     * Sends all requests and waits for their results.
     *
     * @param requests each with a unique {@code id}, because events have no other name of their request
     * @param timeout  maximum time to wait for the last result
     * @return the results that arrived in time, in the order of the requests
     * @throws ClientException when a request cannot be sent
     */
    public List<Answer> send(List<ObjectNode> requests, AnswerListener listener, Duration timeout) {
        List<RecordMetadata> positions =
                sender.sendAll(requests.stream().map(this::record).toList());
        List<String> ids =
                requests.stream().map(request -> request.path("id").asText()).toList();
        OpenRequests open = new OpenRequests(ids, positions, listener);
        Instant end = Instant.now().plus(timeout);
        while (!open.isDone() && Instant.now().isBefore(end)) {
            for (ConsumerRecord<String, byte[]> record : reader.poll(POLL)) {
                JsonNode value = read(record.value());
                if (record.topic().equals(topics.results())) {
                    open.onResult(value);
                } else {
                    open.onEvent(value);
                }
            }
        }
        return open.answers();
    }

    @Override
    public void close() {
        sender.close();
        reader.close();
    }

    /** Returns null as JSON for values that are not JSON: other producers may write to the topics. */
    private JsonNode read(byte[] value) {
        try {
            return value == null ? json.nullNode() : json.readTree(value);
        } catch (IOException e) {
            return json.nullNode();
        }
    }

    private ProducerRecord<String, byte[]> record(ObjectNode request) {
        byte[] value = request.toString().getBytes(StandardCharsets.UTF_8);
        return new ProducerRecord<>(topics.requests(), request.path("model").asText(null), value);
    }

    /** The requests of one call. Events of an attempt are ignored once a later attempt has begun. */
    static final class OpenRequests {

        private final List<String> ids;
        private final AnswerListener listener;
        private final Map<Source, String> idsBySource = new HashMap<>();
        private final Map<String, String> idsOfEvents = new HashMap<>();
        private final Map<String, Long> attempts = new HashMap<>();
        private final Map<String, Answer> answers = new HashMap<>();

        /** @param positions the position of each request on its topic, in the order of the ids */
        OpenRequests(List<String> ids, List<RecordMetadata> positions, AnswerListener listener) {
            this.ids = List.copyOf(ids);
            this.listener = listener;
            for (int i = 0; i < ids.size(); i++) {
                RecordMetadata position = positions.get(i);
                idsBySource.put(new Source(position.topic(), position.partition(), position.offset()), ids.get(i));
                // A worker derives the id topic-partition-offset for a request without one.
                idsOfEvents.put(position.topic() + "-" + position.partition() + "-" + position.offset(), ids.get(i));
            }
            ids.forEach(id -> idsOfEvents.put(id, id));
        }

        /** The position of a request's record. */
        private record Source(String topic, int partition, long offset) {

            /** An absent field is the empty topic, which no request has. */
            static Source of(JsonNode result) {
                JsonNode source = result.path("tidemark").path("source");
                return new Source(
                        source.path("topic").asText(),
                        source.path("partition").asInt(),
                        source.path("offset").asLong());
            }
        }

        boolean isDone() {
            return answers.size() == ids.size();
        }

        void onResult(JsonNode record) {
            String id = idsBySource.get(Source.of(record));
            if (id != null && !answers.containsKey(id)) {
                Answer answer = new Answer(id, record);
                answers.put(id, answer);
                listener.onAnswer(answer);
            }
        }

        void onEvent(JsonNode event) {
            String id = idsOfEvents.get(event.path("id").asText());
            if (id == null || answers.containsKey(id)) {
                return;
            }
            long attempt = event.path("attempt").asLong();
            Long known = attempts.put(id, Math.max(attempt, attempts.getOrDefault(id, attempt)));
            if (known != null && attempt < known) {
                return;
            }
            if (known != null && attempt > known) {
                listener.onRestart(id);
            }
            String chunk = event.path("text").asText("");
            if (!chunk.isEmpty()) {
                listener.onText(id, event.path("choice").asInt(), chunk);
            }
        }

        List<Answer> answers() {
            return ids.stream().filter(answers::containsKey).map(answers::get).toList();
        }
    }
}
