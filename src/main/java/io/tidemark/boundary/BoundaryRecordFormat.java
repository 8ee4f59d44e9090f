package io.tidemark.boundary;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** {@link BoundaryRecord}s as the JSON on the topic. Immutable; may be shared between threads. */
public final class BoundaryRecordFormat {

    private final ObjectMapper json = mapper();

    /** The record's value, UTF-8 JSON without the fields that are absent. */
    public byte[] write(BoundaryRecord record) {
        try {
            return json.writeValueAsBytes(record);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException("a boundary record that cannot be written", e);
        }
    }

    /**
     * Reads a record of the topic. Never throws because of what the record holds.
     *
     * @param key   the record's key as text
     * @param value the record's value as Kafka hands it over; null is a tombstone
     */
    public TableEntry read(String key, byte[] value) {
        if (value == null) {
            return new TableEntry.Absent();
        }
        try {
            BoundaryRecord record = json.readValue(value, BoundaryRecord.class);
            if (record == null) {
                return new TableEntry.Broken("invalid_record", "the value is null, not a JSON object");
            }
            if (!record.adapter().equals(key)) {
                return new TableEntry.Broken(
                        "key_mismatch", "key '" + key + "' carries a record for adapter '" + record.adapter() + "'");
            }
            return new TableEntry.Present(record);
        } catch (ValueInstantiationException e) {
            String message =
                    e.getCause() == null ? e.getOriginalMessage() : e.getCause().getMessage();
            return new TableEntry.Broken("invalid_record", message);
        } catch (JsonParseException e) {
            return new TableEntry.Broken("invalid_json", e.getOriginalMessage());
        } catch (JsonProcessingException e) {
            return new TableEntry.Broken("invalid_record", e.getOriginalMessage());
        } catch (IOException e) {
            return new TableEntry.Broken("invalid_json", "the value is not UTF-8 JSON");
        }
    }

    private static ObjectMapper mapper() {
        ObjectMapper mapper = JsonMapper.builder()
                .addModules(new Jdk8Module(), new JavaTimeModule())
                .defaultPropertyInclusion(
                        JsonInclude.Value.construct(JsonInclude.Include.NON_ABSENT, JsonInclude.Include.ALWAYS))
                .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
                .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                .build();
        // Jackson takes only Optional for absent; the primitive ones and empty curves are left out as empty
        Stream.of(OptionalInt.class, OptionalLong.class, OptionalDouble.class, List.class)
                .forEach(type -> mapper.configOverride(type)
                        .setInclude(JsonInclude.Value.construct(
                                JsonInclude.Include.NON_EMPTY, JsonInclude.Include.ALWAYS)));
        return mapper;
    }
}
