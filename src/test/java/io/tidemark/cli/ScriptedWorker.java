package io.tidemark.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.fixture.SampleResults;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Provenance;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.ResultMessage;
import io.tidemark.message.TopicJson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Answers a prompt with the prompt, sends its first character as an event, and fails the prompt {@code fail}. Before
 * each result it writes two others with the same id: one of another record, and one in a transaction that it aborts.
 * Results of an id that begins with {@code typo} have ignored fields.
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
        String model = request.path("model").asText();
        Source source = new Source(record.topic(), record.partition(), record.offset());
        if (prompt.equals("fail")) {
            ErrorBody error = new ErrorBody(ErrorBody.SERVER_ERROR, "no_luck", "this one fails", Optional.empty());
            write(
                    record,
                    ErrorResult.of(
                            id, 1, Optional.of(model), error, Provenance.rejected(source, "base", "worker-1", 1)));
        } else {
            EventMessage event = new EventMessage(id, 1, 0, 0, prompt.substring(0, 1), Optional.empty());
            produce(new ProducerRecord<>("generation-events", null, id, TopicJson.write(event), correlation(record)));
            write(record, SampleResults.completion(id, model, prompt, source));
        }
    }

    private void write(ConsumerRecord<String, byte[]> request, ResultMessage result) {
        Source source = result.tidemark().source();
        results.beginTransaction();
        produceResult(SampleResults.completion(result.id(), "m", "WRONG", source), correlation(request));
        results.flush();
        results.abortTransaction();
        results.beginTransaction();
        Source other = new Source(source.topic(), source.partition(), source.offset() + 1000);
        produceResult(SampleResults.completion(result.id(), "m", "WRONG", other), List.of());
        produceResult(result, correlation(request));
        results.commitTransaction();
    }

    /** Writes the result of a newer worker, in a form that differs from that of Jackson. */
    private void produceResult(ResultMessage result, List<Header> headers) {
        String written = new String(TopicJson.write(result), StandardCharsets.UTF_8);
        String ignored =
                result.id().startsWith("typo") ? "\"ignored_fields\": [\"max_token\", \"messages[7].nmae\"], " : "";
        String newer = "{\"newer\": 1.50, " + ignored + written.substring(1);
        results.send(new ProducerRecord<>(
                "generation-results", null, result.id(), newer.getBytes(StandardCharsets.UTF_8), headers));
    }

    /** The header that a worker copies. */
    private static List<Header> correlation(ConsumerRecord<String, byte[]> request) {
        return List.of(request.headers().lastHeader(RequestMessage.CORRELATION_HEADER));
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
}
