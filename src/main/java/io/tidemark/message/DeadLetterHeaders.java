package io.tidemark.message;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The headers of a dead letter. Its key is the original's (or absent when that is too large), its value the original's
 * first {@value #KEPT_BYTES} bytes.
 *
 * @param size bytes of the original value; -1 when it was null
 */
public record DeadLetterHeaders(
        String code,
        Optional<String> param,
        String message,
        String sourceTopic,
        int sourcePartition,
        long sourceOffset,
        long size) {

    /** As much of the original value as a dead letter carries. */
    public static final int KEPT_BYTES = 64 * 1024;

    /** Names the error and where the record came from. */
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

    /** The headers by name; values are UTF-8 text. */
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

    /** What of {@code value} goes into the dead letter; null stays null. */
    public static byte[] kept(byte[] value) {
        return value == null || value.length <= KEPT_BYTES ? value : Arrays.copyOf(value, KEPT_BYTES);
    }
}
