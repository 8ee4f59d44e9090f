import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Sends one request and waits for its result. Arguments: broker and adapter. */
public final class Generate {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String PROMPT =
            "Restaurant facts: name[The Eagle], eatType[coffee shop], food[English], area[riverside]\nDescription:";

    public static void main(String[] arguments) throws Exception {
        // Results are written in transactions: read_committed reads exactly one for each request.
        Map<String, Object> reading = Map.of("bootstrap.servers", arguments[0], "isolation.level", "read_committed");
        Map<String, Object> writing = Map.of("bootstrap.servers", arguments[0]);
        try (var results = new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer());
                var requests = new KafkaProducer<>(writing, new StringSerializer(), new StringSerializer())) {
            List<TopicPartition> partitions = results.partitionsFor("generation-results").stream()
                    .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
                    .toList();
            results.assign(partitions);
            results.seekToEnd(partitions);
            partitions.forEach(results::position); // seekToEnd is lazy; position looks the ends up now
            String request = JSON.writeValueAsString(
                    Map.of("model", arguments[1], "prompt", PROMPT, "max_tokens", 48, "temperature", 0));
            var record = new ProducerRecord<>("generation-requests", arguments[1], request);
            RecordMetadata sent = requests.send(record).get();
            Instant end = Instant.now().plusSeconds(60);
            while (Instant.now().isBefore(end)) {
                for (ConsumerRecord<String, String> answer : results.poll(Duration.ofSeconds(1))) {
                    JsonNode result = JSON.readTree(answer.value());
                    if (isOf(sent, result.at("/tidemark/source"))) { // an error is a result, too
                        JsonNode text = result.at("/choices/0/text");
                        System.out.println(text.isTextual() ? text.textValue().strip() : result.get("error"));
                        return;
                    }
                }
            }
            throw new IllegalStateException("no result within 60 s");
        }
    }

    private static boolean isOf(RecordMetadata sent, JsonNode source) {
        return source.path("topic").asText().equals(sent.topic())
                && source.path("partition").asInt() == sent.partition()
                && source.path("offset").asLong() == sent.offset();
    }
}
