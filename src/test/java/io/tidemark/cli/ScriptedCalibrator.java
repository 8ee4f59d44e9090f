package io.tidemark.cli;

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
            letter.headers()
                    .add("tidemark.error.message", bytes("no adapter '" + record.key() + "'"))
                    .add("tidemark.source.partition", bytes(Integer.toString(record.partition())))
                    .add("tidemark.source.offset", bytes(Long.toString(record.offset())));
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
