package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads values of {@code validation-batches} as strictly as {@link RequestParser} reads requests, with the same codes;
 * errors are of type {@code invalid_batch}. One bad example spoils its batch. Immutable; may be shared between threads.
 */
public final class BatchParser {

    private final DocumentReader documents;

    /** @param maxBytes larger values are refused unparsed */
    public BatchParser(int maxBytes) {
        documents = new DocumentReader("invalid_batch", "batch_id", maxBytes);
    }

    /** @param value the record's value as Kafka hands it over, null included */
    public Parsed<ValidationBatch> parse(byte[] value) {
        return documents.read(value, BatchParser::read);
    }

    private static ValidationBatch read(Fields fields) throws FieldProblem {
        return new ValidationBatch(
                fields.requireText("batch_id", 1, RequestParser.MAX_NAME_LENGTH),
                fields.requireText("adapter", 1, RequestParser.MAX_NAME_LENGTH),
                examples(fields.require("examples")));
    }

    private static List<ValidationBatch.Example> examples(JsonNode list) throws FieldProblem {
        if (!list.isArray()) {
            throw Fields.wrongType("examples", "a list", list);
        }
        if (list.isEmpty()) {
            throw new FieldProblem("invalid_value", "examples", "'examples' must hold at least one example");
        }
        List<ValidationBatch.Example> examples = new ArrayList<>(list.size());
        for (JsonNode element : list) {
            String place = "examples[" + examples.size() + "]";
            if (!(element instanceof ObjectNode object)) {
                throw Fields.wrongType(place, "an object", element);
            }
            Fields example = new Fields(object, place + ".");
            examples.add(new ValidationBatch.Example(
                    InputRules.read(example), example.requireText("completion", 1, Integer.MAX_VALUE)));
        }
        return examples;
    }
}
