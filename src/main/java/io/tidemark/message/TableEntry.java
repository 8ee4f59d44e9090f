package io.tidemark.message;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import java.io.IOException;

/** The value of the boundary table for one adapter. */
public sealed interface TableEntry {

    /** The adapter has a valid record. */
    record Present(BoundaryRecord record) implements TableEntry {}

    /** The adapter has no record, or a tombstone. */
    record Absent() implements TableEntry {}

    /**
     * A value that is not a valid boundary record. It has the same effect as no record.
     *
     * @param code    {@code invalid_json}, {@code invalid_record} or {@code key_mismatch}
     * @param message what is wrong, for operators
     */
    record Broken(String code, String message) implements TableEntry {}

    /**
     * Parses a record of the topic {@code adapter-boundaries}. Returns {@link Broken} for invalid values and never
     * throws.
     *
     * @param key   the key of the Kafka record as text
     * @param value the value of the Kafka record; null is a tombstone
     */
    static TableEntry parse(String key, byte[] value) {
        if (value == null) {
            return new Absent();
        }
        try {
            BoundaryRecord record = TopicJson.readBoundary(value);
            if (record == null) {
                return new Broken("invalid_record", "the value is null, not a JSON object");
            }
            if (!record.adapter().equals(key)) {
                return new Broken(
                        "key_mismatch",
                        "the key is '" + key + "', but the record names adapter '" + record.adapter() + "'");
            }
            return new Present(record);
        } catch (ValueInstantiationException e) {
            String message =
                    e.getCause() == null ? e.getOriginalMessage() : e.getCause().getMessage();
            return new Broken("invalid_record", message);
        } catch (JsonParseException e) {
            return new Broken("invalid_json", e.getOriginalMessage());
        } catch (JsonProcessingException e) {
            return new Broken("invalid_record", e.getOriginalMessage());
        } catch (IOException e) {
            return new Broken("invalid_json", "the value is not UTF-8 encoded JSON");
        }
    }
}
