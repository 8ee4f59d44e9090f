package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.smallrye.mutiny.Uni;
import io.smallrye.reactive.messaging.kafka.reply.KafkaRequestReply;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.eclipse.microprofile.reactive.messaging.Channel;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.ProducerFactory;
import org.springframework.kafka.listener.ConcurrentMessageListenerContainer;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;

/** Runs the samples of docs/topics.md against a worker; the settings of SmallRye's client are read from that page. */
@DisplayName("A request/reply client")
@QuarkusTest
@QuarkusTestResource(BrokerResource.class)
class ReplyClientsTest {

    private static final String REQUEST = "{\"model\": \"all\", \"prompt\": \"name[The Eagle]\", \"max_tokens\": 4}";
    private static final String MISSPELLED = "{\"model\": \"alll\", \"prompt\": \"x\"}";

    @ConfigProperty(name = "kafka.bootstrap.servers")
    String brokers;

    @Inject
    @Channel("generation")
    KafkaRequestReply<String, String> generation;

    @Test
    @DisplayName("Of Spring gets the result of its request and an error for an unknown adapter")
    void spring() throws Exception {
        try (AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext()) {
            context.registerBean(SpringClient.class, () -> new SpringClient(brokers));
            context.refresh();
            @SuppressWarnings("unchecked")
            ReplyingKafkaTemplate<String, String, String> template = context.getBean(ReplyingKafkaTemplate.class);
            assertThat(template.waitForAssignment(Duration.ofSeconds(30))).isTrue();

            assertGenerated(template.sendAndReceive(new ProducerRecord<>("generation-requests", "all", REQUEST))
                    .get(60, TimeUnit.SECONDS)
                    .value());
            assertUnknownAdapter(
                    template.sendAndReceive(new ProducerRecord<>("generation-requests", "alll", MISSPELLED))
                            .get(60, TimeUnit.SECONDS)
                            .value());
        }
    }

    @Test
    @DisplayName("Of SmallRye gets the result of its request and an error for an unknown adapter")
    void smallRye() {
        Uni<String> result = generation.request(REQUEST);
        assertGenerated(result.await().atMost(Duration.ofSeconds(60)));
        assertUnknownAdapter(generation.request(MISSPELLED).await().atMost(Duration.ofSeconds(60)));
    }

    private static void assertGenerated(String reply) {
        JsonNode result = TopicClient.json(TopicClient.bytes(reply));
        assertThat(result.path("object").asText()).isEqualTo("text_completion");
        assertThat(result.path("model").asText()).isEqualTo("all");
        assertThat(result.path("choices")).hasSize(1);
    }

    private static void assertUnknownAdapter(String reply) {
        JsonNode result = TopicClient.json(TopicClient.bytes(reply));
        assertThat(result.path("object").asText()).isEqualTo("error");
        assertThat(result.path("error").path("code").asText()).isEqualTo("unknown_adapter");
    }

    /** The factories as Spring Boot makes them, and the bean of the sample. */
    static final class SpringClient {

        private final String brokers;

        SpringClient(String brokers) {
            this.brokers = brokers;
        }

        @Bean
        ProducerFactory<String, String> producers() {
            return new DefaultKafkaProducerFactory<>(
                    Map.of("bootstrap.servers", brokers), new StringSerializer(), new StringSerializer());
        }

        @Bean
        ConcurrentKafkaListenerContainerFactory<String, String> listeners() {
            ConcurrentKafkaListenerContainerFactory<String, String> listeners =
                    new ConcurrentKafkaListenerContainerFactory<>();
            listeners.setConsumerFactory(new DefaultKafkaConsumerFactory<>(
                    Map.of("bootstrap.servers", brokers), new StringDeserializer(), new StringDeserializer()));
            return listeners;
        }

        @Bean
        ReplyingKafkaTemplate<String, String, String> generation(
                ProducerFactory<String, String> producers,
                ConcurrentKafkaListenerContainerFactory<String, String> listeners) {
            ConcurrentMessageListenerContainer<String, String> replies = listeners.createContainer("my-replies");
            replies.getContainerProperties().setGroupId("my-service-" + UUID.randomUUID());
            replies.getContainerProperties()
                    .getKafkaConsumerProperties()
                    .setProperty("isolation.level", "read_committed");
            ReplyingKafkaTemplate<String, String, String> template = new ReplyingKafkaTemplate<>(producers, replies);
            template.setSharedReplyTopic(true);
            template.setDefaultReplyTimeout(Duration.ofMinutes(2));
            return template;
        }
    }
}
