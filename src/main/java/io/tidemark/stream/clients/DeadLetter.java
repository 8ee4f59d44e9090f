package io.tidemark.stream.clients;

import io.tidemark.message.DeadLetterHeaders;
import io.tidemark.message.ErrorBody;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;

/** A record that could not be used, as it goes to its dead letter topic. */
public final class DeadLetter {

    /** More than this of a key or of headers would make a letter that its topic may not take. */
    private static final int KEPT_BYTES = 64 * 1024;

    private DeadLetter() {}

    /**
     * The original's key and headers (each left out above 64 KiB) and first 64 KiB, with the reason and the place in
     * more headers.
     */
    public static ProducerRecord<byte[], byte[]> of(
            ConsumerRecord<byte[], byte[]> source, ErrorBody error, String topic) {
        ProducerRecord<byte[], byte[]> letter =
                new ProducerRecord<>(topic, keptKey(source.key()), DeadLetterHeaders.kept(source.value()));
        if (headerBytes(source) <= KEPT_BYTES) {
            source.headers().forEach(letter.headers()::add);
        }
        DeadLetterHeaders.of(error, source.topic(), source.partition(), source.offset(), source.value())
                .asMap()
                .forEach((name, value) -> letter.headers().add(name, value.getBytes(StandardCharsets.UTF_8)));
        return letter;
    }

    /** A cut key would be another key, so that a large one is left out. */
    private static byte[] keptKey(byte[] key) {
        return key == null || key.length > KEPT_BYTES ? null : key;
    }

    private static long headerBytes(ConsumerRecord<byte[], byte[]> source) {
        long bytes = 0;
        for (Header header : source.headers()) {
            bytes += header.key().length() + (header.value() == null ? 0 : header.value().length);
        }
        return bytes;
    }
}
