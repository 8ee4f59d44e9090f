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

/** Sends a long request and cancels it when its first text arrives. Arguments: broker and adapter. */
public final class Cancel {

    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> reading = Map.of("bootstrap.servers", arguments[0], "isolation.level", "read_committed");
        Map<String, Object> writing = Map.of("bootstrap.servers", arguments[0]);
        try (var reader = new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer());
                var writer = new KafkaProducer<>(writing, new StringSerializer(), new StringSerializer())) {
            List<TopicPartition> partitions = List.of("generation-events", "generation-results").stream()
                    .flatMap(topic -> reader.partitionsFor(topic).stream())
                    .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
                    .toList();
            reader.assign(partitions);
            reader.seekToEnd(partitions);
            partitions.forEach(reader::position); // seekToEnd is lazy; position looks the ends up now
            String id = UUID.randomUUID().toString();
            Map<String, Object> request = Map.of("id", id, "model", arguments[1], "prompt", "Restaurant facts:",
                    "max_tokens", 400, "ignore_eos", true, "stream", true);
            writer.send(new ProducerRecord<>("generation-requests", id, JSON.writeValueAsString(request))).get();
            boolean cancelled = false;
            Instant end = Instant.now().plusSeconds(60);
            while (Instant.now().isBefore(end)) {
                for (ConsumerRecord<String, String> record : reader.poll(Duration.ofMillis(200))) {
                    JsonNode value = JSON.readTree(record.value());
                    if (!value.path("id").asText().equals(id)) continue;
                    if (value.has("error")) throw new IllegalStateException(value.get("error").toString());
                    if (record.topic().equals("generation-results")) {
                        System.out.println(value.at("/choices/0/finish_reason").asText() + " after "
                                + value.at("/usage/completion_tokens") + " of 400 tokens");
                        return;
                    }
                    // An id cancels all requests that have it; {"source": {…}} names one by its position.
                    String cancellation = JSON.writeValueAsString(Map.of("id", id));
                    if (!cancelled) writer.send(new ProducerRecord<>("generation-cancellations", id, cancellation));
                    cancelled = true;
                }
            }
            throw new IllegalStateException("no result within 60 s");
        }
    }
}
