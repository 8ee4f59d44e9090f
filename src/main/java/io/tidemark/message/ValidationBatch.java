package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.text.Normalizer;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * One value of the topic {@code validation-batches}: prompts with the completions that an adapter should predict.
 *
 * @param batchId  identifies the batch, 1 to 256 characters; a batch counts once even if it is sent repeatedly
 * @param adapter  the id of the adapter
 * @param examples the prompts and their completions, at least one
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record ValidationBatch(String batchId, String adapter, List<Example> examples) {

    public ValidationBatch {
        examples = List.copyOf(examples);
    }

    /**
     * @param input      {@code prompt}, or {@code messages} and optionally {@code tools}
     * @param completion the gold text, not empty
     * @param group      the name of a group of examples that depend on each other and count as one, such as the turns
     *                   of a conversation, 1 to 256 characters; empty if the example counts by itself
     */
    public record Example(@JsonUnwrapped Input input, String completion, Optional<String> group) {

        private static final Pattern WHITE_SPACE = Pattern.compile("\\s+", Pattern.UNICODE_CHARACTER_CLASS);

        /** An example that counts by itself. */
        public Example(Input input, String completion) {
            this(input, completion, Optional.empty());
        }

        /**
         * What makes two examples the same: the input and the completion in Unicode's normalization form C, with each
         * run of white space as one space, and none at the ends. The group is no part of it.
         */
        public String identity() {
            String text = input instanceof Input.Prompt plain
                    ? collapsed(plain.prompt())
                    : TopicJson.text(collapsed(TopicJson.tree(input)));
            return text + '\0' + collapsed(completion);
        }

        private static JsonNode collapsed(JsonNode node) {
            JsonNodeFactory nodes = JsonNodeFactory.instance;
            if (node.isTextual()) {
                return nodes.textNode(collapsed(node.textValue()));
            }
            if (node.isArray()) {
                ArrayNode list = nodes.arrayNode();
                node.forEach(element -> list.add(collapsed(element)));
                return list;
            }
            if (node.isObject()) {
                ObjectNode object = nodes.objectNode();
                node.properties().forEach(field -> object.set(field.getKey(), collapsed(field.getValue())));
                return object;
            }
            return node;
        }

        private static String collapsed(String text) {
            String composed = Normalizer.normalize(text, Normalizer.Form.NFC);
            return WHITE_SPACE.matcher(composed).replaceAll(" ").strip();
        }

        /**
         * Parses an example that stands alone, such as a line of a data file. The rules, error types and codes are
         * those of an example in a batch; the paths of fields begin at the example. Other fields are ignored.
         *
         * @param maxBytes larger values are rejected without parsing
         */
        public static Parsed<Example> parse(byte[] value, int maxBytes) {
            return TopicJson.parse(value, maxBytes, Example::read);
        }

        private static Example read(Fields fields) throws Fields.InvalidField {
            return new Example(
                    Input.read(fields),
                    fields.requireText("completion", 1, Integer.MAX_VALUE),
                    fields.text("group", 1, Fields.MAX_NAME_LENGTH));
        }
    }

    /**
     * Parses a value of the topic. The rules, error types and codes are those of {@link RequestMessage#parse}. One
     * invalid example makes the whole batch invalid.
     *
     * @param value       the value of the Kafka record, which may be null
     * @param maxBytes    larger values are rejected without parsing
     * @param maxExamples batches with more examples are rejected
     */
    public static Parsed<ValidationBatch> parse(byte[] value, int maxBytes, int maxExamples) {
        return TopicJson.parse(value, maxBytes, fields -> read(fields, maxExamples));
    }

    private static ValidationBatch read(Fields fields, int maxExamples) throws Fields.InvalidField {
        return new ValidationBatch(
                fields.requireText("batch_id", 1, Fields.MAX_NAME_LENGTH),
                fields.requireText("adapter", 1, Fields.MAX_NAME_LENGTH),
                examples(fields.require("examples"), maxExamples));
    }

    private static List<Example> examples(JsonNode list, int maxExamples) throws Fields.InvalidField {
        if (list.isArray() && list.size() > maxExamples) {
            throw new Fields.InvalidField(
                    "invalid_value",
                    "examples",
                    "'examples' has " + list.size() + " examples; the limit is " + maxExamples);
        }
        List<Example> examples = Fields.list(list, "examples", Example::read);
        if (examples.isEmpty()) {
            throw new Fields.InvalidField("invalid_value", "examples", "'examples' must have at least one example");
        }
        return examples;
    }
}
