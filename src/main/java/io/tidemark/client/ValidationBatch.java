package io.tidemark.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * One record of {@code validation-batches}.
 *
 * @param id       the calibrator counts an id once
 * @param adapter  the adapter to calibrate
 * @param examples each with {@code prompt} or {@code messages}, and {@code completion}
 */
public record ValidationBatch(String id, String adapter, List<JsonNode> examples) {

    public ValidationBatch {
        examples = List.copyOf(examples);
    }

    /** Splits examples into batches with unique ids; the last batch has the remainder. */
    public static List<ValidationBatch> split(String adapter, List<JsonNode> examples, int batchSize) {
        String run = UUID.randomUUID().toString().substring(0, 8);
        List<ValidationBatch> batches = new ArrayList<>();
        for (int from = 0; from < examples.size(); from += batchSize) {
            int to = Math.min(from + batchSize, examples.size());
            batches.add(new ValidationBatch(
                    adapter + "-" + run + "-" + batches.size(), adapter, examples.subList(from, to)));
        }
        return batches;
    }

    ObjectNode json() {
        ObjectNode batch = JsonNodeFactory.instance.objectNode();
        batch.put("batch_id", id).put("adapter", adapter);
        examples.forEach(batch.putArray("examples")::add);
        return batch;
    }
}
