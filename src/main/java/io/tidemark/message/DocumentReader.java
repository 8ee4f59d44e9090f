package io.tidemark.message;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** From a record's bytes to one JSON object, or to the reason why they are none. Immutable. */
final class DocumentReader {

    /** Reads the fields of an object; the place of a room's own rules. */
    interface Rules<T> {
        T read(Fields fields) throws FieldProblem;
    }

    private final ObjectReader reader = TopicJson.newMapper().reader();
    private final String errorType;
    private final String idField;
    private final int maxBytes;

    /**
     * @param errorType the {@code type} of errors
     * @param idField   the field that names the sender's record; salvaged when another field is wrong
     * @param maxBytes  larger values are refused unparsed
     */
    DocumentReader(String errorType, String idField, int maxBytes) {
        this.errorType = errorType;
        this.idField = idField;
        this.maxBytes = maxBytes;
    }

    <T> Parsed<T> read(byte[] value, Rules<T> rules) {
        Optional<String> id = Optional.empty();
        try {
            Fields fields = new Fields(document(value), "");
            id = salvage(fields);
            return new Parsed.Valid<>(rules.read(fields));
        } catch (FieldProblem problem) {
            return new Parsed.Invalid<>(id, problem.asError(errorType));
        }
    }

    private ObjectNode document(byte[] value) throws FieldProblem {
        if (value == null || value.length == 0) {
            throw new FieldProblem("empty_value", null, "the record has no value");
        }
        if (value.length > maxBytes) {
            throw new FieldProblem(
                    "request_too_large",
                    null,
                    "the record has " + value.length + " bytes; at most " + maxBytes + " are taken");
        }
        JsonNode root = parse(decode(value));
        if (root.isMissingNode()) {
            throw new FieldProblem("empty_value", null, "the record's value is only white space");
        }
        if (!(root instanceof ObjectNode object)) {
            throw new FieldProblem("invalid_type", null, "the record's value must be a JSON object");
        }
        return object;
    }

    private static String decode(byte[] value) throws FieldProblem {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT)
                    .decode(ByteBuffer.wrap(value))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new FieldProblem("invalid_utf8", null, "the record's value is not UTF-8");
        }
    }

    /** Jackson's own messages quote the document, and with it the prompt: only the place is told. */
    private JsonNode parse(String text) throws FieldProblem {
        try {
            return reader.readTree(text);
        } catch (StreamConstraintsException e) {
            throw new FieldProblem(
                    "invalid_json",
                    null,
                    "the JSON is nested deeper than " + TopicJson.MAX_NESTING
                            + " levels or holds a number too long to read");
        } catch (JsonProcessingException e) {
            boolean duplicate = e.getOriginalMessage().startsWith("Duplicate field");
            throw new FieldProblem(
                    "invalid_json",
                    null,
                    (duplicate ? "a field appears twice" : "this is not JSON") + place(e.getLocation()));
        }
    }

    private static String place(JsonLocation location) {
        return location == null ? "" : " (line " + location.getLineNr() + ", column " + location.getColumnNr() + ")";
    }

    private Optional<String> salvage(Fields fields) {
        try {
            return fields.text(idField, 1, RequestParser.MAX_NAME_LENGTH);
        } catch (FieldProblem unusable) {
            return Optional.empty();
        }
    }
}
