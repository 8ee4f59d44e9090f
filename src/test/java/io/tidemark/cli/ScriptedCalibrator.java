package io.tidemark.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.message.BoundaryRecords;
import io.tidemark.message.CountedBatchHeaders;
import io.tidemark.message.DeadLetterHeaders;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.UncountedExamples;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Decides boundary 4 for one adapter, and counts examples and repeats. Refuses examples with one completion, and
 * batches of other adapters. A silent one does not tell the repeats.
 */
final class ScriptedCalibrator extends ScriptedService {

    private static final ObjectMapper JSON = new ObjectMapper();

    /** The completion of an example that is refused. */
    static final String REFUSED = "too long";

    private final String adapter;
    private final boolean silent;
    private final Set<JsonNode> counted = new HashSet<>();
    private int samples;

    private ScriptedCalibrator(String broker, String adapter, boolean silent) {
        super(broker, "tidemark-calibrators");
        this.adapter = adapter;
        this.silent = silent;
    }

    static ScriptedCalibrator start(String broker, String adapter) {
        return start(broker, adapter, false);
    }

    static ScriptedCalibrator startSilent(String broker, String adapter) {
        return start(broker, adapter, true);
    }

    private static ScriptedCalibrator start(String broker, String adapter, boolean silent) {
        ScriptedCalibrator calibrator = new ScriptedCalibrator(broker, adapter, silent);
        calibrator.begin("validation-batches");
        return calibrator;
    }

    @Override
    void answer(ConsumerRecord<String, byte[]> record) {
        if (!record.key().equals(adapter)) {
            ProducerRecord<String, byte[]> letter =
                    new ProducerRecord<>("validation-dead-letters", record.key(), record.value());
            ErrorBody error =
                    ErrorBody.invalidRequest("unknown_adapter", "adapter", "no adapter '" + record.key() + "'");
            add(
                    letter,
                    DeadLetterHeaders.of(error, record.topic(), record.partition(), record.offset(), record.value())
                            .asMap());
            produce(letter);
            return;
        }
        int repeats = 0;
        int refused = 0;
        for (JsonNode example : examples(record)) {
            if (example.path("completion").asText().equals(REFUSED)) {
                refused++;
                continue;
            }
            samples++;
            repeats += counted.add(example) ? 0 : 1;
        }
        ProducerRecord<String, byte[]> state =
                new ProducerRecord<>("calibration-state", adapter + "/" + record.partition(), bytes("{}"));
        if (!silent) {
            Source source = new Source(record.topic(), record.partition(), record.offset());
            add(state, new CountedBatchHeaders(source, new UncountedExamples(repeats, 0, refused)).asMap());
        }
        produce(state);
        produce(new ProducerRecord<>(
                "adapter-boundaries",
                adapter,
                bytes(new String(BoundaryRecords.calibratedValue(adapter), StandardCharsets.UTF_8)
                        .replace("\"boundary\":1", "\"boundary\":4")
                        .replace("\"samples\":48", "\"samples\":" + samples))));
    }

    private static JsonNode examples(ConsumerRecord<String, byte[]> batch) {
        try {
            return JSON.readTree(batch.value()).path("examples");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void add(ProducerRecord<String, byte[]> record, Map<String, String> headers) {
        headers.forEach((name, value) -> record.headers().add(name, bytes(value)));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
