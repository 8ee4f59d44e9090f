package io.tidemark.message;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The headers of a dead letter. Its value is the first {@value #KEPT_BYTES} bytes of the original value.
 *
 * @param code            the error code
 * @param param           the invalid field
 * @param message         the error message
 * @param sourceTopic     the topic of the original record
 * @param sourcePartition the partition of the original record
 * @param sourceOffset    the offset of the original record
 * @param size            the size of the original value in bytes; -1 if it was null
 */
public record DeadLetterHeaders(
        String code,
        Optional<String> param,
        String message,
        String sourceTopic,
        int sourcePartition,
        long sourceOffset,
        long size) {

    /** The maximum number of bytes of the original value in a dead letter. */
    public static final int KEPT_BYTES = 64 * 1024;

    private static final String CODE = "tidemark.error.code";
    private static final String PARAM = "tidemark.error.param";
    private static final String MESSAGE = "tidemark.error.message";
    private static final String SOURCE_TOPIC = "tidemark.source.topic";
    private static final String SOURCE_PARTITION = "tidemark.source.partition";
    private static final String SOURCE_OFFSET = "tidemark.source.offset";
    private static final String SIZE = "tidemark.size";

    /** The headers for a record and its error. */
    public static DeadLetterHeaders of(ErrorBody error, String topic, int partition, long offset, byte[] value) {
        return of(error, topic, partition, offset, value == null ? -1 : value.length);
    }

    /** @param size bytes of the original value; -1 if it was null */
    public static DeadLetterHeaders of(ErrorBody error, String topic, int partition, long offset, long size) {
        return new DeadLetterHeaders(error.code(), error.param(), error.message(), topic, partition, offset, size);
    }

    /** The headers by name. Values are encoded as UTF-8. */
    public Map<String, String> asMap() {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put(CODE, code);
        param.ifPresent(name -> headers.put(PARAM, name));
        headers.put(MESSAGE, message);
        headers.put(SOURCE_TOPIC, sourceTopic);
        headers.put(SOURCE_PARTITION, Integer.toString(sourcePartition));
        headers.put(SOURCE_OFFSET, Long.toString(sourceOffset));
        headers.put(SIZE, Long.toString(size));
        return headers;
    }

    /**
     * Reads the headers of a record. Other headers are ignored: a dead letter also has those of the original record.
     *
     * @param headers the headers by name; of several headers with one name, the last one
     * @throws IllegalArgumentException if a header is absent or invalid, so that the record is no dead letter
     */
    public static DeadLetterHeaders parse(Map<String, String> headers) {
        return new DeadLetterHeaders(
                require(headers, CODE),
                Optional.ofNullable(headers.get(PARAM)),
                require(headers, MESSAGE),
                require(headers, SOURCE_TOPIC),
                Integer.parseInt(require(headers, SOURCE_PARTITION)),
                Long.parseLong(require(headers, SOURCE_OFFSET)),
                Long.parseLong(require(headers, SIZE)));
    }

    /** The position of the original record. */
    public Provenance.Source source() {
        return new Provenance.Source(sourceTopic, sourcePartition, sourceOffset);
    }

    private static String require(Map<String, String> headers, String name) {
        return Optional.ofNullable(headers.get(name))
                .orElseThrow(() -> new IllegalArgumentException("the header '" + name + "' is absent"));
    }

    /** The part of {@code value} that the dead letter keeps; null for null. */
    public static byte[] kept(byte[] value) {
        return value == null || value.length <= KEPT_BYTES ? value : Arrays.copyOf(value, KEPT_BYTES);
    }
}
