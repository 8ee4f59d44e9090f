package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A {@link ValidationBatch} whose examples are JSON that has not been parsed. Clients send this form: the examples
 * reach the calibrator as they are in a file, and the calibrator decides whether they are valid. Parsing would drop
 * unknown fields, and the client would refuse a batch that becomes a dead letter.
 *
 * @param batchId  identifies the batch; a batch counts once even if it is sent repeatedly
 * @param adapter  the id of the adapter, which is also the key of the Kafka record
 * @param examples each with {@code prompt} or {@code messages}, and {@code completion}
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record RawValidationBatch(String batchId, String adapter, List<JsonNode> examples) {

    public RawValidationBatch {
        examples = List.copyOf(examples);
    }

    /** The value of the Kafka record. Characters of the examples are not escaped, unlike in {@link TopicJson#write}. */
    public byte[] toJson() {
        return TopicJson.text(this).getBytes(StandardCharsets.UTF_8);
    }
}
