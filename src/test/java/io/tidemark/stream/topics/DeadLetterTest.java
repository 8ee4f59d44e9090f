package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.ErrorBody;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class DeadLetterTest {

    private static final int KEPT = 64 * 1024;
    /** Of the header {@code h} besides its value. */
    private static final int OF_HEADER = 128 + 3;

    @Test
    @DisplayName("A dead letter contains at most 64 KiB each of key, headers and value")
    void bounded() {
        ProducerRecord<byte[], byte[]> whole = letter(KEPT, KEPT - OF_HEADER, KEPT);
        assertThat(whole.key()).hasSize(KEPT);
        assertThat(whole.headers().lastHeader("h")).isNotNull();
        ProducerRecord<byte[], byte[]> cut = letter(KEPT + 1, KEPT - OF_HEADER + 1, 3 * KEPT);
        assertThat(cut.key()).isNull();
        assertThat(cut.headers().lastHeader("h")).isNull();
        assertThat(cut.value()).hasSize(KEPT);
        assertThat(cut.headers().lastHeader("tidemark.error.code").value())
                .asString()
                .isEqualTo("code");
    }

    @Test
    @DisplayName("The bytes that a dead letter keeps of a record are known without the dead letter")
    void keptBytes() {
        assertThat(DeadLetter.keptBytes(source(KEPT, KEPT - OF_HEADER, KEPT))).isEqualTo(3L * KEPT);
        assertThat(DeadLetter.keptBytes(source(KEPT + 1, KEPT, 3 * KEPT))).isEqualTo(KEPT);
        assertThat(DeadLetter.keptBytes(source(5, 6, 7))).isEqualTo(5 + OF_HEADER + 6 + 7);
        assertThat(DeadLetter.keptBytes(new ConsumerRecord<>("t", 0, 7, null, null)))
                .isZero();
    }

    @Test
    @DisplayName("A dead letter keeps no headers of a record with very many empty ones, and counts nothing for them")
    void emptyHeaders() {
        ConsumerRecord<byte[], byte[]> source = new ConsumerRecord<>("t", 0, 7, null, new byte[5]);
        for (int i = 0; i < KEPT / 128; i++) {
            source.headers().add("", null);
        }
        assertThat(DeadLetter.keptBytes(source)).isEqualTo(KEPT + 5);
        assertThat(letter(source).headers().headers("")).hasSize(KEPT / 128);
        source.headers().add("", null);
        assertThat(DeadLetter.keptBytes(source)).isEqualTo(5);
        assertThat(letter(source).headers().headers("")).isEmpty();
        assertThat(DeadLetter.headerBytes(source.headers())).isEqualTo(KEPT + 128);
    }

    private static ProducerRecord<byte[], byte[]> letter(int key, int header, int value) {
        return letter(source(key, header, value));
    }

    private static ProducerRecord<byte[], byte[]> letter(ConsumerRecord<byte[], byte[]> source) {
        return DeadLetter.of(source, ErrorBody.invalidRequest("code", "field", "message"), "letters");
    }

    private static ConsumerRecord<byte[], byte[]> source(int key, int header, int value) {
        ConsumerRecord<byte[], byte[]> source = new ConsumerRecord<>("t", 0, 7, new byte[key], new byte[value]);
        source.headers().add("h", new byte[header]);
        return source;
    }
}
