package io.tidemark.stream.topics;

import io.tidemark.message.DeadLetterHeaders;
import io.tidemark.message.ErrorBody;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;

/** Builds the dead letter of a poison record. */
public final class DeadLetter {

    /** The most bytes of the key, and of the headers, so that the record fits into its topic. */
    private static final int MAX_KEPT_BYTES = 64 * 1024;

    /** How much heap a header takes besides its name and value; more than its lengths in a record. */
    private static final int HEADER_BYTES = 128;

    /** The most bytes of a character in UTF-8. */
    private static final int CHARACTER_BYTES = 3;

    private DeadLetter() {}

    /**
     * Builds a record with the key, the headers and the first 64 KiB of the value of {@code source}, and with the error
     * and the position of {@code source} in more headers. A key above 64 KiB is left out, and so are headers that
     * exceed 64 KiB together, as {@link #headerBytes} counts them.
     */
    public static ProducerRecord<byte[], byte[]> of(
            ConsumerRecord<byte[], byte[]> source, ErrorBody error, String topic) {
        ProducerRecord<byte[], byte[]> letter =
                new ProducerRecord<>(topic, keptKey(source.key()), DeadLetterHeaders.kept(source.value()));
        if (keepsHeaders(source)) {
            source.headers().forEach(letter.headers()::add);
        }
        addHeaders(letter, source, error);
        return letter;
    }

    /**
     * Dead letters of the same record for a topic that refuses {@link #of} as too large: without the value, and then
     * with nothing but the headers that {@link DeadLetterHeaders} has.
     */
    public static List<ProducerRecord<byte[], byte[]>> smaller(
            ConsumerRecord<byte[], byte[]> source, ErrorBody error, String topic) {
        ProducerRecord<byte[], byte[]> full = of(source, error, topic);
        ProducerRecord<byte[], byte[]> bare = new ProducerRecord<>(topic, null, null);
        addHeaders(bare, source, error);
        return List.of(new ProducerRecord<>(topic, null, full.key(), null, full.headers()), bare);
    }

    private static void addHeaders(
            ProducerRecord<byte[], byte[]> letter, ConsumerRecord<byte[], byte[]> source, ErrorBody error) {
        DeadLetterHeaders.of(error, source.topic(), source.partition(), source.offset(), size(source))
                .asMap()
                .forEach((name, value) -> letter.headers().add(name, value.getBytes(StandardCharsets.UTF_8)));
    }

    /**
     * The size of the value of a record; -1 for null. The consumer may have kept only a part of the value, see {@link
     * ReadLimits}.
     */
    public static long size(ConsumerRecord<byte[], byte[]> source) {
        return source.value() == null ? -1 : Math.max(source.serializedValueSize(), source.value().length);
    }

    /** Bytes of what {@link #of} keeps of a record: key, headers and the first part of the value. */
    public static long keptBytes(ConsumerRecord<byte[], byte[]> source) {
        byte[] key = keptKey(source.key());
        return (key == null ? 0 : key.length)
                + (keepsHeaders(source) ? headerBytes(source.headers()) : 0)
                + (source.value() == null ? 0 : Math.min(DeadLetterHeaders.KEPT_BYTES, source.value().length));
    }

    /** Whether the dead letter of a record has its headers. */
    public static boolean keepsHeaders(ConsumerRecord<byte[], byte[]> source) {
        return headerBytes(source.headers(), MAX_KEPT_BYTES) <= MAX_KEPT_BYTES;
    }

    /** A truncated key would be a different key. */
    private static byte[] keptKey(byte[] key) {
        return key == null || key.length > MAX_KEPT_BYTES ? null : key;
    }

    /** Upper bound of the bytes of headers, in a record and in memory. A header costs memory even if it is empty. */
    public static long headerBytes(Iterable<Header> headers) {
        return headerBytes(headers, Long.MAX_VALUE);
    }

    /** Stops above a limit, because a record may have millions of headers; see {@link #headerBytes(Iterable)}. */
    private static long headerBytes(Iterable<Header> headers, long limit) {
        long bytes = 0;
        for (Header header : headers) {
            bytes += HEADER_BYTES
                    + (long) CHARACTER_BYTES * header.key().length()
                    + (header.value() == null ? 0 : header.value().length);
            if (bytes > limit) {
                break;
            }
        }
        return bytes;
    }
}
