package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The producer of events")
class EventChannelPropertiesTest {

    @Test
    @DisplayName("Has the identity and the serializers of its channel, and no harmful property of all clients")
    void properties() {
        Map<String, Object> given = new HashMap<>(KafkaConnectionTest.HARMFUL);
        given.put("client.id", "tidemark-events");
        given.put("key.serializer", ByteArraySerializer.class.getName());
        given.put("value.serializer", ByteArraySerializer.class.getName());
        given.put("bootstrap.servers", "localhost:1");
        Map<String, Object> kept = new EventChannelProperties().customize("generation-events", null, given);
        assertThat(kept)
                .containsEntry("client.id", "tidemark-events")
                .containsEntry("acks", "all")
                .containsEntry("bootstrap.servers", "localhost:1")
                .doesNotContainKeys("transactional.id", "retries", "interceptor.classes", "partitioner.class");
        new KafkaProducer<byte[], byte[]>(kept).close();
    }

    @Test
    @DisplayName("Is the only client whose properties are changed")
    void otherChannel() {
        Map<String, Object> given = Map.of("transactional.id", "t", "value.deserializer", "d");
        assertThat(new EventChannelProperties().customize("generation", null, given))
                .isEqualTo(given);
    }
}
