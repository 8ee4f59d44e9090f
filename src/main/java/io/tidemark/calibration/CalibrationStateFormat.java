package io.tidemark.calibration;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * {@link CalibrationState}s as the JSON on the topic. Numbers are written so that they read back as the same doubles.
 * Immutable; may be shared between threads.
 */
public final class CalibrationStateFormat {

    private final ObjectMapper json = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .build();

    public byte[] write(CalibrationState state) {
        try {
            return json.writeValueAsBytes(state);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException("a calibration state that cannot be written", e);
        }
    }

    /**
     * Reads a record of the topic. Never throws because of what the record holds.
     *
     * @param key   the record's key as text
     * @param value the record's value as Kafka hands it over; null is a tombstone
     */
    public StateEntry read(String key, byte[] value) {
        if (value == null) {
            return new StateEntry.Absent();
        }
        try {
            CalibrationState state = json.readValue(value, CalibrationState.class);
            if (state == null || !state.key().equals(key)) {
                return new StateEntry.Broken("key '" + key + "' carries no state of that adapter and partition");
            }
            return new StateEntry.Present(state);
        } catch (JsonProcessingException e) {
            return new StateEntry.Broken(e.getOriginalMessage());
        } catch (IOException e) {
            return new StateEntry.Broken("the value is not UTF-8 JSON");
        }
    }
}
