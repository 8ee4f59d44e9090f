import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Prints the text of a request while it is generated. Arguments: broker and adapter. */
public final class Stream {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String PROMPT =
            "Restaurant facts: name[The Eagle], eatType[coffee shop], food[English], area[riverside]\nDescription:";

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0]);
        try (var events = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
                var requests = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            List<TopicPartition> partitions = events.partitionsFor("generation-events").stream()
                    .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
                    .toList();
            events.assign(partitions);
            events.seekToEnd(partitions);
            partitions.forEach(events::position); // seekToEnd is lazy; position looks the ends up now
            String id = UUID.randomUUID().toString();
            String request = JSON.writeValueAsString(
                    Map.of("id", id, "model", arguments[1], "prompt", PROMPT, "temperature", 0, "stream", true));
            requests.send(new ProducerRecord<>("generation-requests", arguments[1], request)).get();
            Instant end = Instant.now().plusSeconds(60);
            int attempt = 0; // grows when another worker takes the request over and begins again
            while (Instant.now().isBefore(end)) {
                for (ConsumerRecord<String, String> record : events.poll(Duration.ofMillis(200))) {
                    JsonNode event = JSON.readTree(record.value());
                    if (!event.get("id").asText().equals(id) || event.get("attempt").asInt() < attempt) continue;
                    if (attempt > 0 && event.get("attempt").asInt() > attempt) System.out.print("\n(begun again) ");
                    attempt = event.get("attempt").asInt();
                    System.out.print(event.get("text").asText());
                    if (event.has("finish_reason")) {
                        System.out.println();
                        return;
                    }
                }
            }
            throw new IllegalStateException("no last event within 60 s; the result has the whole text");
        }
    }
}
