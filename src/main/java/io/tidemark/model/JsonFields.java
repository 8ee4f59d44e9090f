package io.tidemark.model;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** A JSON object of a model or adapter folder. Reads it field by field; error messages name the file and the field. */
public record JsonFields(Path file, JsonNode root) {

    /** A limit for files from unknown sources. The index of a model with a thousand layers has a tenth of this. */
    private static final long MAX_BYTES = 8L << 20;

    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /**
     * Reads a file. Refuses duplicate fields, trailing text and files of more than 8 MiB.
     *
     * @throws InvalidModelException if the file is missing or is not a JSON object
     */
    public static JsonFields read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw InvalidModelException.broken(file, "is missing");
        }
        try {
            JsonNode root = readTree(file);
            if (!root.isObject()) {
                throw InvalidModelException.broken(file, "is not a JSON object");
            }
            return new JsonFields(file, root);
        } catch (IOException e) {
            throw InvalidModelException.broken(file, "is not JSON: " + e.getMessage(), e);
        }
    }

    /** @throws IOException with a message of one line */
    private static JsonNode readTree(Path file) throws IOException {
        if (Files.size(file) > MAX_BYTES) {
            throw new IOException("it has " + Files.size(file) + " bytes, more than " + MAX_BYTES);
        }
        try {
            return MAPPER.readTree(file.toFile());
        } catch (IOException e) {
            throw new IOException(
                    String.valueOf(e.getMessage()).lines().findFirst().orElse(""), e);
        }
    }

    /** Whether the field is present and not null. */
    public boolean has(String field) {
        return root.hasNonNull(field);
    }

    /** The string in a field. */
    public String text(String field, String defaultValue) {
        if (!has(field)) {
            return defaultValue;
        }
        if (!root.get(field).isTextual()) {
            throw wrong(field, "text");
        }
        return root.get(field).textValue();
    }

    /** The boolean in a field. */
    public boolean flag(String field, boolean defaultValue) {
        if (!has(field)) {
            return defaultValue;
        }
        if (!root.get(field).isBoolean()) {
            throw wrong(field, "true or false");
        }
        return root.get(field).booleanValue();
    }

    /** The whole number in a required field, at least 1. */
    public int count(String field) {
        if (!has(field)) {
            throw InvalidModelException.broken(file, "field " + field + " is missing");
        }
        return count(field, 1);
    }

    /** The whole number in a field, at least 1. */
    public int count(String field, int defaultValue) {
        return whole(field, defaultValue, 1);
    }

    /** The whole number in a field, at least 0. */
    int countFromZero(String field, int defaultValue) {
        return whole(field, defaultValue, 0);
    }

    private int whole(String field, int defaultValue, int min) {
        if (!has(field)) {
            return defaultValue;
        }
        JsonNode value = root.get(field);
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < min) {
            throw wrong(field, "a whole number of at least " + min);
        }
        return value.intValue();
    }

    /** The number in a field, which must be greater than 0. */
    double positive(String field, double defaultValue) {
        if (!has(field)) {
            return defaultValue;
        }
        JsonNode value = root.get(field);
        if (!value.isNumber() || !(value.doubleValue() > 0)) {
            throw wrong(field, "a number greater than 0");
        }
        return value.doubleValue();
    }

    /** The object in a field; an empty object if the field is absent or null. */
    public JsonFields object(String field) {
        JsonNode value = root.path(field);
        if (!value.isObject() && !value.isNull() && !value.isMissingNode()) {
            throw wrong(field, "an object");
        }
        return new JsonFields(file, value.isObject() ? value : MAPPER.createObjectNode());
    }

    /**
     * Refuses fields that are in none of the given sets, unless their value is null, false, 0 or empty.
     *
     * @throws InvalidModelException that is {@link InvalidModelException#isUnsupported} and names the field
     */
    @SafeVarargs
    final void refuseOthers(Set<String>... known) {
        for (Map.Entry<String, JsonNode> field : root.properties()) {
            if (isSet(field.getValue()) && Stream.of(known).noneMatch(names -> names.contains(field.getKey()))) {
                throw InvalidModelException.unsupported(file, field.getKey(), field.getValue());
            }
        }
    }

    private static boolean isSet(JsonNode value) {
        return !(value.isNull()
                || value.isBoolean() && !value.booleanValue()
                || value.isContainerNode() && value.isEmpty()
                || value.isNumber() && value.doubleValue() == 0);
    }

    /** The exception for a field with a wrong value. */
    public InvalidModelException wrong(String field, String expected) {
        return InvalidModelException.broken(
                file, "field " + field + " must be " + expected + ", not " + root.get(field));
    }
}
