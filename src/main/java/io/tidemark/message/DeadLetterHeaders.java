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

    /** The headers for a record and its error. */
    public static DeadLetterHeaders of(ErrorBody error, String topic, int partition, long offset, byte[] value) {
        return new DeadLetterHeaders(
                error.code(),
                error.param(),
                error.message(),
                topic,
                partition,
                offset,
                value == null ? -1 : value.length);
    }

    /** The headers by name. Values are encoded as UTF-8. */
    public Map<String, String> asMap() {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("tidemark.error.code", code);
        param.ifPresent(name -> headers.put("tidemark.error.param", name));
        headers.put("tidemark.error.message", message);
        headers.put("tidemark.source.topic", sourceTopic);
        headers.put("tidemark.source.partition", Integer.toString(sourcePartition));
        headers.put("tidemark.source.offset", Long.toString(sourceOffset));
        headers.put("tidemark.size", Long.toString(size));
        return headers;
    }

    /** The part of {@code value} that the dead letter keeps; null for null. */
    public static byte[] kept(byte[] value) {
        return value == null || value.length <= KEPT_BYTES ? value : Arrays.copyOf(value, KEPT_BYTES);
    }
}
