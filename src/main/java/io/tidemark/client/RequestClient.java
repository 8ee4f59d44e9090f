package io.tidemark.client;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.ResultMessage;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/**
 * Sends requests and reads {@code generation-events} and {@code generation-results} until each request has its result.
 * Reads committed results only, and matches them by {@code tidemark.source}, the position of the request's record.
 * Values that are no results or events are ignored, since other producers may write to the topics. An instance is used
 * by one thread.
 *
 * <p>Requests are JSON objects and not {@link io.tidemark.message.RequestMessage}, because they are sent as they are,
 * with unknown and invalid fields: the worker checks them, and its result names what is wrong.
 */
public final class RequestClient implements AutoCloseable {

    private static final Duration POLL = Duration.ofMillis(200);

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
    public List<RequestResult> send(List<ObjectNode> requests, ResultListener listener, Duration timeout) {
        List<RecordMetadata> positions =
                sender.sendAll(requests.stream().map(this::record).toList());
        List<String> ids =
                requests.stream().map(request -> request.path("id").asText()).toList();
        OpenRequests open = new OpenRequests(ids, positions, listener);
        Instant end = Instant.now().plus(timeout);
        while (!open.isDone() && Instant.now().isBefore(end)) {
            for (ConsumerRecord<String, byte[]> record : reader.poll(POLL)) {
                if (record.topic().equals(topics.results())) {
                    open.onResult(record.value());
                } else {
                    open.onEvent(record.value());
                }
            }
        }
        return open.results();
    }

    @Override
    public void close() {
        sender.close();
        reader.close();
    }

    private ProducerRecord<String, byte[]> record(ObjectNode request) {
        byte[] value = request.toString().getBytes(StandardCharsets.UTF_8);
        return new ProducerRecord<>(topics.requests(), request.path("model").asText(null), value);
    }

    /** The requests of one call. Events of an attempt are ignored once a later attempt has begun. */
    static final class OpenRequests {

        private final List<String> ids;
        private final ResultListener listener;
        private final Map<Source, String> idsBySource = new HashMap<>();
        private final Map<String, String> idsOfEvents = new HashMap<>();
        private final Map<String, Long> attempts = new HashMap<>();
        private final Map<String, RequestResult> results = new HashMap<>();

        /** @param positions the position of each request on its topic, in the order of the ids */
        OpenRequests(List<String> ids, List<RecordMetadata> positions, ResultListener listener) {
            this.ids = List.copyOf(ids);
            this.listener = listener;
            for (int i = 0; i < ids.size(); i++) {
                RecordMetadata position = positions.get(i);
                Source source = new Source(position.topic(), position.partition(), position.offset());
                idsBySource.put(source, ids.get(i));
                idsOfEvents.put(source.derivedId(), ids.get(i));
            }
            ids.forEach(id -> idsOfEvents.put(id, id));
        }

        boolean isDone() {
            return results.size() == ids.size();
        }

        void onResult(byte[] value) {
            read(value, ResultMessage.class).ifPresent(message -> {
                String id = idsBySource.get(message.tidemark().source());
                if (id != null && !results.containsKey(id)) {
                    RequestResult result = new RequestResult(id, message, new String(value, StandardCharsets.UTF_8));
                    results.put(id, result);
                    listener.onResult(result);
                }
            });
        }

        void onEvent(byte[] value) {
            read(value, EventMessage.class).ifPresent(this::onEvent);
        }

        private void onEvent(EventMessage event) {
            String id = idsOfEvents.get(event.id());
            if (id == null || results.containsKey(id)) {
                return;
            }
            Long known = attempts.put(id, Math.max(event.attempt(), attempts.getOrDefault(id, event.attempt())));
            if (known != null && event.attempt() < known) {
                return;
            }
            if (known != null && event.attempt() > known) {
                listener.onRestart(id);
            }
            if (!event.text().isEmpty()) {
                listener.onText(id, event.choice(), event.text());
            }
        }

        private static <T> Optional<T> read(byte[] value, Class<T> type) {
            try {
                return Optional.of(TopicJson.read(value, type));
            } catch (IllegalArgumentException e) {
                return Optional.empty();
            }
        }

        List<RequestResult> results() {
            return ids.stream().filter(results::containsKey).map(results::get).toList();
        }
    }
}
