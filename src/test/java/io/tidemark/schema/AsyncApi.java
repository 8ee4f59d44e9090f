package io.tidemark.schema;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/**
 * An AsyncAPI document, and the validation of records against it: key, value and headers, as the document's description
 * says. Immutable.
 */
public final class AsyncApi {

    /** The document of the contract. */
    static final Path DOCUMENT = Path.of("docs/asyncapi.yaml");

    private static final AsyncApi CURRENT = read(DOCUMENT);

    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final JsonNode document;
    private final Map<String, Schema> schemas;

    AsyncApi(JsonNode document) {
        this.document = document;
        Map<String, Schema> all = new HashMap<>();
        document.at("/components/schemas").fieldNames().forEachRemaining(name -> all.put(name, compiled(name)));
        this.schemas = Map.copyOf(all);
    }

    /** {@code docs/asyncapi.yaml}. */
    public static AsyncApi current() {
        return CURRENT;
    }

    /** The copy of the document at a release. */
    public static AsyncApi released(String version) {
        return read(Path.of("src/test/resources/asyncapi-" + version + ".yaml"));
    }

    private static AsyncApi read(Path file) {
        try {
            return new AsyncApi(new YAMLMapper().readTree(file.toFile()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public JsonNode document() {
        return document.deepCopy();
    }

    public Schema schema(String name) {
        return Optional.ofNullable(schemas.get(name)).orElseThrow(() -> new IllegalArgumentException(name));
    }

    /** The definition of a schema. */
    public JsonNode definition(String name) {
        return document.at("/components/schemas/" + name);
    }

    /** The definitions of the messages by name. */
    Map<String, JsonNode> messages() {
        return document.at("/components/messages").properties().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    /** The addresses of all channels. */
    public List<String> addresses() {
        return document.path("channels").findValuesAsText("address");
    }

    /**
     * Why a record is none of its channel; empty if it satisfies exactly one message of the channel, as AsyncAPI
     * requires.
     */
    public List<String> problems(TopicRecord record) {
        Optional<JsonNode> channel = StreamSupport.stream(
                        document.path("channels").spliterator(), false)
                .filter(each -> each.path("address").asText().equals(record.topic()))
                .findFirst();
        if (channel.isEmpty()) {
            return List.of("no channel has the address " + record.topic());
        }
        List<String> problems = new ArrayList<>();
        int satisfied = 0;
        for (JsonNode message : channel.get().path("messages")) {
            List<String> ofMessage = problems(resolved(message), record);
            satisfied += ofMessage.isEmpty() ? 1 : 0;
            problems.addAll(ofMessage);
        }
        if (satisfied > 1) {
            return List.of("the record satisfies several messages");
        }
        return satisfied == 1 ? List.of() : problems;
    }

    /** The examples of all messages, as records of the first channel that has the message. */
    public List<TopicRecord> examples() {
        List<TopicRecord> examples = new ArrayList<>();
        for (JsonNode channel : document.path("channels")) {
            for (JsonNode reference : channel.path("messages")) {
                JsonNode message = resolved(reference);
                message.path("examples")
                        .forEach(example ->
                                examples.add(example(channel.path("address").asText(), message, example)));
            }
        }
        return examples;
    }

    private TopicRecord example(String topic, JsonNode message, JsonNode example) {
        JsonNode payload = example.get("payload");
        byte[] value = isBinary(message.get("payload"))
                ? Base64.getDecoder().decode(payload.asText())
                : TopicRecord.bytes(payload.toString());
        List<Header> headers = new ArrayList<>();
        example.path("headers")
                .properties()
                .forEach(header -> headers.add(new RecordHeader(
                        header.getKey(),
                        isBinary(headerSchema(message, header.getKey()))
                                ? Base64.getDecoder().decode(header.getValue().asText())
                                : TopicRecord.bytes(header.getValue().asText()))));
        String key = key(message, payload)
                .orElse(resolved(message.at("/bindings/kafka/key"))
                        .at("/examples/0")
                        .asText("k"));
        return new TopicRecord(topic, TopicRecord.bytes(key), value, headers);
    }

    private List<String> problems(JsonNode message, TopicRecord record) {
        List<String> problems = new ArrayList<>();
        JsonNode keySchema = message.at("/bindings/kafka/key");
        check("key", keySchema, () -> described(keySchema, record.key()), problems);
        JsonNode payload = message.get("payload");
        check("value", payload, () -> isBinary(payload) ? described(payload, record.value()) : json(record), problems);
        if (message.has("headers")) {
            check("headers", message.get("headers"), () -> headers(message, record.headers()), problems);
        }
        if (problems.isEmpty() && message.has("x-key")) {
            String key = key(message, record.json()).orElseThrow();
            if (!key.equals(record.keyText())) {
                problems.add("key: is not " + key);
            }
        }
        return problems;
    }

    private interface Described {
        JsonNode json() throws IOException;
    }

    private void check(String part, JsonNode reference, Described described, List<String> problems) {
        try {
            String pointer = reference.path("$ref").asText();
            schema(pointer.substring(pointer.lastIndexOf('/') + 1))
                    .problems(described.json())
                    .forEach(problem -> problems.add(part + ": " + problem));
        } catch (CharacterCodingException e) {
            problems.add(part + ": is not UTF-8");
        } catch (IOException e) {
            problems.add(part + ": " + e.getMessage());
        }
    }

    private static JsonNode json(TopicRecord record) throws IOException {
        return record.value() == null ? JsonNodeFactory.instance.nullNode() : JSON.readTree(text(record.value()));
    }

    /** The last header of each name. Headers that the message does not name may have any bytes. */
    private JsonNode headers(JsonNode message, List<Header> headers) throws IOException {
        ObjectNode described = JsonNodeFactory.instance.objectNode();
        for (Header header : headers) {
            JsonNode schema = headerSchema(message, header.key());
            if (!schema.isMissingNode()) {
                described.set(header.key(), described(schema, header.value()));
            }
        }
        return described;
    }

    /** Bytes as their schema describes them: as base64 with that contentEncoding, as text otherwise. */
    private JsonNode described(JsonNode schema, byte[] bytes) throws CharacterCodingException {
        if (bytes == null) {
            return JsonNodeFactory.instance.nullNode();
        }
        return TextNode.valueOf(isBinary(schema) ? Base64.getEncoder().encodeToString(bytes) : text(bytes));
    }

    /** The key that a value requires; empty if its message allows others. */
    private static Optional<String> key(JsonNode message, JsonNode payload) {
        return Optional.ofNullable(message.get("x-key"))
                .map(fields -> StreamSupport.stream(fields.spliterator(), false)
                        .map(field -> payload.at("/" + field.asText()).asText())
                        .collect(Collectors.joining("/")));
    }

    private boolean isBinary(JsonNode schema) {
        return resolved(schema).path("contentEncoding").asText().equals("base64");
    }

    private JsonNode headerSchema(JsonNode message, String name) {
        return resolved(message.get("headers")).path("properties").path(name);
    }

    /** The node, or the one that it refers to. */
    JsonNode resolved(JsonNode node) {
        return node.has("$ref") ? resolved(document.at(node.get("$ref").asText().substring(1))) : node;
    }

    private Schema compiled(String name) {
        ObjectNode schema = JsonNodeFactory.instance.objectNode().put("$ref", "#/components/schemas/" + name);
        schema.set("components", document.get("components"));
        return new Schema(schema);
    }

    private static String text(byte[] bytes) throws CharacterCodingException {
        return StandardCharsets.UTF_8
                .newDecoder()
                .decode(ByteBuffer.wrap(bytes))
                .toString();
    }
}
