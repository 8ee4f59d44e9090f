package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * How records become JSON on the topics: UTF-8, snake_case, absent optionals left out, unknown fields ignored.
 * Immutable; may be shared between threads.
 */
public final class TopicJson {

    /** Arrays and objects inside each other; requests need four. */
    static final int MAX_NESTING = 32;

    private final ObjectMapper mapper = newMapper();

    /** The value of a record of this room, for a Kafka producer. */
    public byte[] write(Object record) {
        try {
            return mapper.writeValueAsBytes(record);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException("a record that cannot be written as JSON", e);
        }
    }

    /** Reads what a worker wrote. @throws UncheckedIOException when the bytes are no event */
    public EventMessage readEvent(byte[] value) {
        try {
            return mapper.readValue(value, EventMessage.class);
        } catch (IOException e) {
            throw new UncheckedIOException("not an event", e);
        }
    }

    /** Reads what a worker wrote: text or an error. @throws UncheckedIOException when the bytes are no result */
    public ResultMessage readResult(byte[] value) {
        try {
            JsonNode tree = mapper.readTree(value);
            Class<? extends ResultMessage> type = tree.has("error") ? ErrorResult.class : CompletionResult.class;
            return mapper.treeToValue(tree, type);
        } catch (IOException e) {
            throw new UncheckedIOException("not a result", e);
        }
    }

    /** The mapper behind all records; a fresh one, for the caller to keep. */
    public static ObjectMapper newMapper() {
        JsonFactory factory = JsonFactory.builder()
                .streamReadConstraints(StreamReadConstraints.builder()
                        .maxNestingDepth(MAX_NESTING)
                        .build())
                // names come from strangers: interning them would fill the JVM's own table
                .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                // Python writes NaN; reading it lets the error name the field
                .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
                .build();
        ObjectMapper mapper = JsonMapper.builder(factory)
                .addModules(new Jdk8Module(), new JavaTimeModule())
                .defaultPropertyInclusion(
                        JsonInclude.Value.construct(JsonInclude.Include.NON_ABSENT, JsonInclude.Include.ALWAYS))
                .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
                .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
                .build();
        // Jackson counts only Optional as absent, not its primitive brothers
        Stream.of(OptionalInt.class, OptionalLong.class, OptionalDouble.class)
                .forEach(type -> mapper.configOverride(type)
                        .setInclude(JsonInclude.Value.construct(
                                JsonInclude.Include.NON_EMPTY, JsonInclude.Include.ALWAYS)));
        return mapper;
    }
}
