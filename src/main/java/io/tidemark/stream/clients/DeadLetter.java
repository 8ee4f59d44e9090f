package io.tidemark.stream.clients;

import io.tidemark.message.DeadLetterHeaders;
import io.tidemark.message.ErrorBody;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** A record that could not be used, as it goes to its dead letter topic. */
public final class DeadLetter {

    private DeadLetter() {
    }

    /** The original's key, headers and first 64 KiB, with the reason and the place in more headers. */
    public static ProducerRecord<byte[], byte[]> of(
            ConsumerRecord<byte[], byte[]> source, ErrorBody error, String topic) {
        ProducerRecord<byte[], byte[]> letter =
                new ProducerRecord<>(topic, source.key(), DeadLetterHeaders.kept(source.value()));
        source.headers().forEach(letter.headers()::add);
        DeadLetterHeaders.of(error, source.topic(), source.partition(), source.offset(), source.value()).asMap()
                .forEach((name, value) -> letter.headers().add(name, value.getBytes(StandardCharsets.UTF_8)));
        return letter;
    }
}
