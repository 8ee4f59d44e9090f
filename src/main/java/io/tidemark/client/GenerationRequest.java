package io.tidemark.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.message.ChatTurn;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A request as a client sends it: a JSON object, the key and the headers of its record. Immutable; each method returns
 * a changed copy.
 *
 * <pre>{@code
 * GenerationRequest request = GenerationRequest.prompt("restaurants", "name[The Eagle]")
 *         .maxTokens(64)
 *         .temperature(0)
 *         .timeout(Duration.ofSeconds(30));
 * }</pre>
 *
 * <p>The client does not check the fields. The service does, and the result names what is wrong
 * ({@link RequestMessage} has the rules).
 */
public final class GenerationRequest {

    private static final Set<String> CLIENT_HEADERS = Set.of(
            RequestMessage.CORRELATION_HEADER,
            "kafka_replyTopic",
            "kafka_replyPartition",
            "REPLY_TOPIC",
            "REPLY_PARTITION");
    private static final Set<String> FORMATS = Set.of("response_format", "structured_outputs");
    private static final int MAX_ID_LENGTH = 256;

    /** The fields of the request. The object is never changed. */
    private final ObjectNode fields;

    private final Optional<String> key;
    private final Map<String, byte[]> headers;

    private GenerationRequest(ObjectNode fields, Optional<String> key, Map<String, byte[]> headers) {
        this.fields = fields;
        this.key = key;
        this.headers = headers;
    }

    /** @param model the id of an adapter, or the name of the base model */
    public static GenerationRequest prompt(String model, String prompt) {
        return json(JsonNodeFactory.instance.objectNode().put("model", model).put("prompt", prompt));
    }

    /** @param model the id of an adapter, or the name of the base model */
    public static GenerationRequest chat(String model, List<ChatTurn> messages) {
        ObjectNode fields = JsonNodeFactory.instance.objectNode().put("model", model);
        fields.set("messages", TopicJson.tree(messages));
        return json(fields);
    }

    /**
     * A request that is sent as it is, also with fields that this client does not know. The key of its record is the
     * field {@code model}.
     */
    public static GenerationRequest json(ObjectNode request) {
        ObjectNode fields = request.deepCopy();
        return new GenerationRequest(
                fields, Optional.ofNullable(fields.path("model").textValue()), Map.of());
    }

    /**
     * Identifies the request, 1 to 256 characters; by default the client makes an id. The ids of a client's open
     * requests differ.
     */
    public GenerationRequest id(String id) {
        return with("id", JsonNodeFactory.instance.textNode(id));
    }

    public GenerationRequest maxTokens(int tokens) {
        return with("max_tokens", JsonNodeFactory.instance.numberNode(tokens));
    }

    /** @param temperature 0 for the most likely token */
    public GenerationRequest temperature(double temperature) {
        return with("temperature", JsonNodeFactory.instance.numberNode(temperature));
    }

    public GenerationRequest topP(double topP) {
        return with("top_p", JsonNodeFactory.instance.numberNode(topP));
    }

    /** Samples among the k most likely tokens; 0 for all. */
    public GenerationRequest topK(int k) {
        return with("top_k", JsonNodeFactory.instance.numberNode(k));
    }

    /**
     * The result has the log-probability of each token ({@link RequestResult#logprobs}).
     *
     * @param alternatives how many of the most likely tokens are given for each token, 0 to 20
     */
    public GenerationRequest logprobs(int alternatives) {
        return with("logprobs", JsonNodeFactory.instance.numberNode(alternatives));
    }

    public GenerationRequest seed(long seed) {
        return with("seed", JsonNodeFactory.instance.numberNode(seed));
    }

    /** The texts that end a choice. */
    public GenerationRequest stop(String... texts) {
        ArrayNode stop = JsonNodeFactory.instance.arrayNode();
        for (String text : texts) {
            stop.add(text);
        }
        return with("stop", stop);
    }

    /** The number of choices. */
    public GenerationRequest choices(int n) {
        return with("n", JsonNodeFactory.instance.numberNode(n));
    }

    /**
     * A finished answer is JSON that the schema accepts. Each of the formats replaces an earlier one.
     *
     * @param schema a JSON Schema; what the service can't enforce, it refuses with the code {@code unsupported_format}
     */
    public GenerationRequest jsonSchema(ObjectNode schema) {
        ObjectNode format = JsonNodeFactory.instance.objectNode().put("type", "json_schema");
        format.putObject("json_schema").put("name", "answer").set("schema", schema.deepCopy());
        return format("response_format", format);
    }

    /**
     * A finished answer is JSON of a class or record, which {@link RequestResult#value} reads. The schema has the
     * fields in their order, and no others. All are required but those of type {@code Optional}. Annotations of
     * Jackson, such as {@code @JsonProperty}, apply. The model does not see the schema: name the fields in the prompt.
     *
     * @throws IllegalArgumentException for a class without fields, such as {@code Object}
     */
    public GenerationRequest jsonSchema(Class<?> type) {
        return jsonSchema(AnswerSchema.of(type));
    }

    /** A finished answer is a JSON object. */
    public GenerationRequest jsonObject() {
        return format("response_format", JsonNodeFactory.instance.objectNode().put("type", "json_object"));
    }

    /** A finished answer matches a regular expression from its first to its last character. */
    public GenerationRequest regex(String regex) {
        return format(
                "structured_outputs", JsonNodeFactory.instance.objectNode().put("regex", regex));
    }

    /** A finished answer is one of the texts. */
    public GenerationRequest oneOf(String... texts) {
        ObjectNode format = JsonNodeFactory.instance.objectNode();
        ArrayNode choice = format.putArray("choice");
        for (String text : texts) {
            choice.add(text);
        }
        return format("structured_outputs", format);
    }

    /** A finished answer is a text of a grammar in llguidance's dialect of Lark. */
    public GenerationRequest grammar(String lark) {
        return format(
                "structured_outputs", JsonNodeFactory.instance.objectNode().put("grammar", lark));
    }

    /** Requests with a smaller number run first; the default is 0. */
    public GenerationRequest priority(int priority) {
        return with("priority", JsonNodeFactory.instance.numberNode(priority));
    }

    /** The service ends the request at this time, with the text so far. */
    public GenerationRequest deadline(Instant deadline) {
        return with("deadline", JsonNodeFactory.instance.textNode(deadline.toString()));
    }

    /** The service ends the request this long after its record was written, with the text so far. */
    public GenerationRequest timeout(Duration timeout) {
        return with("timeout_ms", JsonNodeFactory.instance.numberNode(timeout.toMillis()));
    }

    /** The number of the lowest layers that use the adapter; by default that of the boundary table. */
    public GenerationRequest boundary(int layers) {
        return with("boundary", JsonNodeFactory.instance.numberNode(layers));
    }

    /** The service sends text while it generates it, which {@link OpenRequest#events} publishes. */
    public GenerationRequest streaming() {
        return with("stream", JsonNodeFactory.instance.booleanNode(true));
    }

    /** Sets any field of a request, such as {@code tools} or {@code logprobs}. */
    public GenerationRequest with(String field, JsonNode value) {
        ObjectNode changed = JsonNodeFactory.instance.objectNode();
        changed.setAll(fields);
        changed.set(field, value.deepCopy());
        return new GenerationRequest(changed, key, headers);
    }

    private GenerationRequest format(String field, ObjectNode format) {
        ObjectNode changed = JsonNodeFactory.instance.objectNode();
        changed.setAll(fields);
        changed.remove(FORMATS);
        changed.set(field, format);
        return new GenerationRequest(changed, key, headers);
    }

    /** The key of the record, which chooses its partition; by default the model. */
    public GenerationRequest key(String value) {
        return new GenerationRequest(fields, Optional.of(value), headers);
    }

    /** Spreads requests over all partitions, also those of one adapter. */
    public GenerationRequest withoutKey() {
        return new GenerationRequest(fields, Optional.empty(), headers);
    }

    /**
     * Adds a header, in UTF-8, or replaces it. The service copies the headers that docs/topics.md names to events and
     * result.
     *
     * @throws IllegalArgumentException for a header that the client sets: the one that names a request, and those of a
     *     reply topic, which is set when the client is built
     */
    public GenerationRequest header(String name, String value) {
        if (CLIENT_HEADERS.contains(name)) {
            throw new IllegalArgumentException("header '" + name
                    + "' is set by the client; KafkaTidemarkClient.Builder.replyTopic chooses a reply topic");
        }
        Map<String, byte[]> changed = new LinkedHashMap<>(headers);
        changed.put(name, value.getBytes(StandardCharsets.UTF_8));
        return new GenerationRequest(fields, key, Collections.unmodifiableMap(changed));
    }

    /** The W3C trace context of the caller, which the service continues. */
    public GenerationRequest traceparent(String traceparent) {
        return header("traceparent", traceparent);
    }

    /** The id if the service can use it: a text of 1 to 256 characters. */
    public Optional<String> id() {
        return Optional.ofNullable(fields.path("id").textValue())
                .filter(id -> !id.isEmpty() && id.length() <= MAX_ID_LENGTH);
    }

    /** A copy of the request as a JSON object. */
    public ObjectNode json() {
        return fields.deepCopy();
    }

    /** A field of the JSON object; a missing node if it is absent. */
    public JsonNode field(String name) {
        return fields.path(name).deepCopy();
    }

    public Optional<String> key() {
        return key;
    }

    /** The headers by name. */
    public Map<String, byte[]> headers() {
        return headers;
    }

    /** Whether the request has an id of any form, null excepted. */
    boolean hasId() {
        return fields.hasNonNull("id");
    }

    boolean isStreaming() {
        return fields.path("stream").asBoolean();
    }

    /** The request as the value of a record. */
    byte[] toBytes() {
        return TopicJson.writeRequest(fields);
    }
}
