package io.tidemark.stream.topics;

import java.util.Map;

/** A batch of 64 records of 1 MiB that is small while it is compressed. */
public final class LargeBatch {

    public static final int RECORDS = 64;
    public static final int RECORD_BYTES = 1 << 20;

    /** The properties of a producer that sends the records in one batch. */
    public static final Map<String, Object> PRODUCER = Map.of(
            "compression.type",
            "zstd",
            "batch.size",
            2 * RECORDS * RECORD_BYTES,
            "buffer.memory",
            4L * RECORDS * RECORD_BYTES,
            "max.request.size",
            2 * RECORDS * RECORD_BYTES,
            "linger.ms",
            5_000);

    private LargeBatch() {}
}
