package io.tidemark.stream.topics;

import io.tidemark.message.DeadLetterHeaders;
import java.nio.ByteBuffer;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Copies values from the response of a broker. Of a value above a limit it copies only what a dead letter keeps. Also
 * copies the headers: otherwise each of them would keep the whole response in memory.
 */
final class KeptValueDeserializer implements Deserializer<byte[]> {

    private final int completeBytes;

    /** @param completeBytes most bytes of a value that is copied completely */
    KeptValueDeserializer(int completeBytes) {
        this.completeBytes = completeBytes;
    }

    @Override
    public byte[] deserialize(String topic, byte[] data) {
        return data == null || data.length <= completeBytes ? data : DeadLetterHeaders.kept(data);
    }

    @Override
    public byte[] deserialize(String topic, Headers headers, ByteBuffer data) {
        for (Header header : headers) {
            // both calls copy and release the buffer
            header.key();
            header.value();
        }
        if (data == null) {
            return null;
        }
        int size = data.remaining();
        byte[] value = new byte[size <= completeBytes ? size : Math.min(size, DeadLetterHeaders.KEPT_BYTES)];
        // the client reads the size from the buffer afterwards
        data.duplicate().get(value);
        return value;
    }
}
