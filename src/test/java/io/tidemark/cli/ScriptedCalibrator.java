package io.tidemark.cli;

import io.tidemark.message.DeadLetterHeaders;
import io.tidemark.message.ErrorBody;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Decides boundary 4 for one adapter, counts examples, and refuses batches of other adapters. */
final class ScriptedCalibrator extends ScriptedService {

    private final String adapter;
    private int samples;

    private ScriptedCalibrator(String broker, String adapter) {
        super(broker, "tidemark-calibrators");
        this.adapter = adapter;
    }

    static ScriptedCalibrator start(String broker, String adapter) {
        ScriptedCalibrator calibrator = new ScriptedCalibrator(broker, adapter);
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
            DeadLetterHeaders.of(error, record.topic(), record.partition(), record.offset(), record.value())
                    .asMap()
                    .forEach((name, value) -> letter.headers().add(name, bytes(value)));
            produce(letter);
            return;
        }
        samples += new String(record.value(), StandardCharsets.UTF_8).split("completion", -1).length - 1;
        produce(new ProducerRecord<>(
                "adapter-boundaries",
                adapter,
                bytes("{\"adapter\":\"" + adapter + "\",\"boundary\":4,\"num_layers\":8,\"samples\":" + samples
                        + "}")));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
