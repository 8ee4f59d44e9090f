package io.tidemark.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Answers a prompt with the prompt, sends its first character as an event, and fails the prompt {@code fail}. Before each
 * result it writes two others with the same id: one of another record, and one in a transaction that it aborts.
 */
final class ScriptedWorker extends ScriptedService {

    private final ObjectMapper json = new ObjectMapper();
    private final List<JsonNode> seen = new CopyOnWriteArrayList<>();
    private final Producer<String, byte[]> results;

    private ScriptedWorker(String broker) {
        super(broker, "scripted-workers");
        Map<String, Object> settings = Map.of(
                "bootstrap.servers",
                broker,
                "transactional.id",
                UUID.randomUUID().toString());
        results = new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer());
        results.initTransactions();
    }

    static ScriptedWorker start(String broker) {
        ScriptedWorker worker = new ScriptedWorker(broker);
        worker.begin("generation-requests");
        return worker;
    }

    List<JsonNode> seen() {
        return List.copyOf(seen);
    }

    @Override
    void answer(ConsumerRecord<String, byte[]> record) {
        JsonNode request = read(record.value());
        seen.add(request);
        String id = id(request, record);
        String prompt = request.path("prompt").asText();
        ObjectNode result = json.createObjectNode()
                .put("id", id)
                .put("model", request.path("model").asText());
        if (prompt.equals("fail")) {
            result.putObject("error").put("code", "no_luck").put("message", "this one fails");
        } else {
            ObjectNode event = json.createObjectNode()
                    .put("id", id)
                    .put("attempt", 1)
                    .put("choice", 0)
                    .put("sequence", 0);
            produce(new ProducerRecord<>("generation-events", id, bytes(event.put("text", prompt.substring(0, 1)))));
            result.putArray("choices").addObject().put("text", prompt).put("finish_reason", "stop");
            result.putObject("usage").put("completion_tokens", 2);
            result.withObject("/tidemark")
                    .put("boundary", 2)
                    .put("num_layers", 8)
                    .put("queued_ms", 1)
                    .put("total_ms", 11);
        }
        write(result, record);
    }

    private void write(ObjectNode result, ConsumerRecord<String, byte[]> record) {
        result.withObject("/tidemark/source")
                .put("topic", record.topic())
                .put("partition", record.partition())
                .put("offset", record.offset());
        ObjectNode wrong = result.deepCopy();
        wrong.putArray("choices").addObject().put("text", "WRONG");
        results.beginTransaction();
        produceResult(wrong);
        results.flush();
        results.abortTransaction();
        wrong.withObject("/tidemark/source").put("offset", record.offset() + 1000);
        results.beginTransaction();
        produceResult(wrong);
        produceResult(result);
        results.commitTransaction();
    }

    private void produceResult(ObjectNode result) {
        results.send(
                new ProducerRecord<>("generation-results", result.path("id").asText(), bytes(result)));
    }

    @Override
    public void close() {
        super.close();
        results.close();
    }

    /** The id of a result: topic-partition-offset if the request's id is not a string or empty. */
    private static String id(JsonNode request, ConsumerRecord<String, byte[]> record) {
        String id = request.path("id").textValue();
        return id == null || id.isEmpty() ? record.topic() + "-" + record.partition() + "-" + record.offset() : id;
    }

    private JsonNode read(byte[] value) {
        try {
            return json.readTree(value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] bytes(JsonNode node) {
        return node.toString().getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }
}
