package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonStreamContext;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The JSON encoding of the records on the topics: UTF-8, snake_case, RFC 3339 times, absent optionals omitted, unknown
 * fields ignored, types never converted. One mapper encodes and decodes all records; readers of it differ in what they
 * refuse. Thread-safe.
 */
public final class TopicJson {

    /** The deepest nesting of arrays and objects. */
    private static final int MAX_NESTING = 32;

    /** The most tokens of a request: brackets, field names and values. A tree has at most so many nodes. */
    public static final int MAX_TOKENS = 100_000;

    /** The most tokens of another record of clients: a validation batch has many examples. */
    private static final int MAX_BATCH_TOKENS = 1_000_000;

    /** The fields that may have many elements. */
    private static final Set<String> LISTS =
            Set.of("messages", "tools", "logit_bias", "response_format", "structured_outputs", "examples");

    private static final ObjectMapper MAPPER = newMapper();

    /** Reads records that processes of Tidemark write: no required field is absent or null. */
    private static final ObjectReader READER = MAPPER.reader()
            .with(
                    DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES,
                    DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES);

    /** Reads boundary records, which operators also write: null is the same as absent, and no field appears twice. */
    private static final ObjectReader BOUNDARY_READER =
            MAPPER.readerFor(BoundaryRecord.class).with(StreamReadFeature.STRICT_DUPLICATE_DETECTION);

    /** Reads the JSON of clients. */
    private static final ObjectReader CLIENT_READER = MAPPER.reader().with(clientRecords(MAX_BATCH_TOKENS));

    /** Reads requests. */
    private static final ObjectReader REQUEST_READER = MAPPER.reader().with(clientRecords(MAX_TOKENS));

    private static final JsonFactory REQUEST_FACTORY = REQUEST_READER.getFactory();

    /** Writes what clients send. NaN and infinities are no JSON, but a text in their place would be another value. */
    private static final ObjectMapper CLIENT_WRITER =
            JsonMapper.builder().disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS).build();

    private TopicJson() {}

    /** Encodes a record as the value of a Kafka record. Characters above U+FFFF are escaped. */
    public static byte[] write(Object record) {
        try {
            return MAPPER.writeValueAsBytes(record);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException("cannot write a " + record.getClass().getSimpleName() + " as JSON", e);
        }
    }

    /** Encodes a request of a client. A number that is not finite stays one: the service refuses it by its field. */
    public static byte[] writeRequest(ObjectNode request) {
        try {
            return CLIENT_WRITER.writeValueAsString(request).getBytes(StandardCharsets.UTF_8);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException("cannot write a request as JSON", e);
        }
    }

    /** Writes a record as text. Characters above U+FFFF are not escaped, which {@link #write} does. */
    static String text(Object record) {
        try {
            return MAPPER.writeValueAsString(record);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException("cannot write a " + record.getClass().getSimpleName() + " as JSON", e);
        }
    }

    /** The JSON of a part of a record, such as the messages of a request. */
    public static JsonNode tree(Object value) {
        return MAPPER.valueToTree(value);
    }

    /**
     * Decodes a value that a process of Tidemark encoded with {@link #write}: a result, an event or a state. Unknown
     * fields are ignored, so that values of newer processes can be read.
     *
     * @param value the value of the Kafka record, which may be null
     * @throws IllegalArgumentException if the value is null or has another form; the message may contain parts of the
     *     value
     */
    public static <T> T read(byte[] value, Class<T> type) {
        if (value == null) {
            throw new IllegalArgumentException("the record has no value");
        }
        try {
            T record = READER.readValue(value, type);
            if (record == null) {
                throw new IllegalArgumentException("the value is null, not a JSON object");
            }
            return record;
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new IllegalArgumentException("the value is not UTF-8 encoded JSON", e);
        }
    }

    /** Decodes a boundary record; null if the value is JSON's null. */
    static BoundaryRecord readBoundary(byte[] value) throws IOException {
        return BOUNDARY_READER.readValue(value);
    }

    /**
     * Parses the value of a record that a client sent.
     *
     * @param maxBytes  larger values are rejected without parsing
     */
    static <T> Parsed<T> parse(byte[] value, int maxBytes, Fields.Reader<T> reader) {
        try {
            return new Parsed.Valid<>(reader.read(new Fields(document(CLIENT_READER, value, maxBytes), "")));
        } catch (Fields.InvalidField invalid) {
            return new Parsed.Invalid<>(invalid.asError());
        }
    }

    /** The JSON object of a request, with up to {@link #MAX_TOKENS} tokens. */
    static ObjectNode requestDocument(byte[] value, int maxBytes) throws Fields.InvalidField {
        return document(REQUEST_READER, value, maxBytes);
    }

    /** Reads the tokens of a request as {@link #requestDocument} does, but permits that a field appears twice. */
    static JsonParser requestParser(String text) throws IOException {
        return REQUEST_FACTORY.createParser(text).disable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);
    }

    /** Parses text that contains one JSON object; empty if it contains anything else. */
    static Optional<ObjectNode> parseObject(String text) {
        try {
            return REQUEST_READER.readTree(text) instanceof ObjectNode object ? Optional.of(object) : Optional.empty();
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }

    private static ObjectNode document(ObjectReader json, byte[] value, int maxBytes) throws Fields.InvalidField {
        if (value == null || value.length == 0) {
            throw new Fields.InvalidField("empty_value", null, "the record has no value");
        }
        if (value.length > maxBytes) {
            throw tooLarge(value.length, maxBytes);
        }
        JsonNode root = parse(json, decode(value));
        if (root.isMissingNode()) {
            throw new Fields.InvalidField("empty_value", null, "the value of the record is white space only");
        }
        if (!(root instanceof ObjectNode object)) {
            throw new Fields.InvalidField("invalid_type", null, "the value of the record must be a JSON object");
        }
        return object;
    }

    /** The error of a value above the limit. */
    static Fields.InvalidField tooLarge(long bytes, int maxBytes) {
        return new Fields.InvalidField(
                "request_too_large", null, "the record has " + bytes + " bytes; the limit is " + maxBytes + " bytes");
    }

    private static String decode(byte[] value) throws Fields.InvalidField {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT)
                    .decode(ByteBuffer.wrap(value))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new Fields.InvalidField("invalid_utf8", null, "the value of the record is not UTF-8");
        }
    }

    /** Errors contain the position only: Jackson's messages quote the document, which contains the prompt. */
    private static JsonNode parse(ObjectReader json, String text) throws Fields.InvalidField {
        JsonParser parser = null;
        try {
            parser = json.createParser(text);
            JsonNode root = json.readTree(parser);
            return root == null ? MissingNode.getInstance() : root;
        } catch (StreamConstraintsException e) {
            if (e.getOriginalMessage().startsWith("Token count")) {
                Optional<String> list = list(parser);
                throw new Fields.InvalidField(
                        "out_of_range",
                        list.orElse(null),
                        "the JSON has more than "
                                + json.getFactory().streamReadConstraints().getMaxTokenCount()
                                + " brackets, field names and values"
                                + list.map(name -> "; it exceeds the limit in '" + name + "'")
                                        .orElse(""));
            }
            throw new Fields.InvalidField(
                    "invalid_json",
                    null,
                    "the JSON is nested deeper than " + MAX_NESTING + " levels or has a number that is too long");
        } catch (IOException e) {
            throw notJson(e);
        }
    }

    private static Fields.InvalidField notJson(IOException e) {
        JsonLocation location = e instanceof JsonProcessingException json ? json.getLocation() : null;
        boolean duplicate = e instanceof JsonProcessingException json
                && json.getOriginalMessage().startsWith("Duplicate field");
        return new Fields.InvalidField(
                "invalid_json",
                null,
                (duplicate ? "a field appears twice" : "the value of the record is not valid JSON")
                        + (location == null
                                ? ""
                                : " (line " + location.getLineNr() + ", column " + location.getColumnNr() + ")"));
    }

    /** The outermost field that a parser is in, if it is one of a client's lists; names are the client's text. */
    private static Optional<String> list(JsonParser parser) {
        JsonStreamContext field = parser.getParsingContext();
        while (field.getParent() != null && !field.getParent().inRoot()) {
            field = field.getParent();
        }
        return Optional.ofNullable(field.getCurrentName()).filter(LISTS::contains);
    }

    private static ObjectMapper newMapper() {
        ObjectMapper mapper = JsonMapper.builder()
                .addModules(new Jdk8Module(), new JavaTimeModule())
                .defaultPropertyInclusion(
                        JsonInclude.Value.construct(JsonInclude.Include.NON_ABSENT, JsonInclude.Include.ALWAYS))
                .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
                .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
                .build();
        // NON_ABSENT covers Optional only: OptionalInt and the like need NON_EMPTY
        Stream.of(OptionalInt.class, OptionalLong.class, OptionalDouble.class)
                .forEach(type -> mapper.configOverride(type)
                        .setInclude(JsonInclude.Value.construct(
                                JsonInclude.Include.NON_EMPTY, JsonInclude.Include.ALWAYS)));
        return mapper;
    }

    /** How the JSON of clients is parsed. */
    private static JsonFactory clientRecords(int maxTokens) {
        return JsonFactory.builder()
                .streamReadConstraints(StreamReadConstraints.builder()
                        .maxNestingDepth(MAX_NESTING)
                        .maxTokenCount(maxTokens)
                        .build())
                // clients choose the field names, and interned names are never freed
                .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                // the table of names fails with an IllegalStateException on many names with the same hash
                .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                // Python's json module writes NaN; parsing it makes an error that names the field possible
                .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
                .build();
    }
}
