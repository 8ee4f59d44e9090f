package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.ErrorBody;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class DeadLetterTest {

    private static final int KEPT = 64 * 1024;

    @Test
    @DisplayName("A dead letter contains at most 64 KiB each of key, headers and value")
    void bounded() {
        ProducerRecord<byte[], byte[]> whole = letter(KEPT, KEPT - 1, KEPT);
        assertThat(whole.key()).hasSize(KEPT);
        assertThat(whole.headers().lastHeader("h")).isNotNull();
        ProducerRecord<byte[], byte[]> cut = letter(KEPT + 1, KEPT, 3 * KEPT);
        assertThat(cut.key()).isNull();
        assertThat(cut.headers().lastHeader("h")).isNull();
        assertThat(cut.value()).hasSize(KEPT);
        assertThat(cut.headers().lastHeader("tidemark.error.code").value())
                .asString()
                .isEqualTo("code");
    }

    private static ProducerRecord<byte[], byte[]> letter(int key, int header, int value) {
        ConsumerRecord<byte[], byte[]> source = new ConsumerRecord<>("t", 0, 7, new byte[key], new byte[value]);
        source.headers().add("h", new byte[header]);
        return DeadLetter.of(source, ErrorBody.invalidRequest("code", "field", "message"), "letters");
    }
}
