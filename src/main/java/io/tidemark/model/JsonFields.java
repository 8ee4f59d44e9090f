package io.tidemark.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** One JSON file of a model folder, read field by field with errors that name file and field. */
public record JsonFields(Path file, JsonNode root) {

    public static JsonFields read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw ModelRefused.broken(file, "is missing");
        }
        try {
            JsonNode root = StrictJson.read(file);
            if (!root.isObject()) {
                throw ModelRefused.broken(file, "is not a JSON object");
            }
            return new JsonFields(file, root);
        } catch (IOException e) {
            throw ModelRefused.broken(file, "is not JSON: " + e.getMessage(), e);
        }
    }

    public boolean has(String field) {
        return root.hasNonNull(field);
    }

    public String text(String field, String otherwise) {
        if (!has(field)) {
            return otherwise;
        }
        if (!root.get(field).isTextual()) {
            throw wrong(field, "text");
        }
        return root.get(field).textValue();
    }

    public boolean flag(String field, boolean otherwise) {
        if (!has(field)) {
            return otherwise;
        }
        if (!root.get(field).isBoolean()) {
            throw wrong(field, "true or false");
        }
        return root.get(field).booleanValue();
    }

    /** A whole number of at least 1. */
    public int count(String field) {
        if (!has(field)) {
            throw ModelRefused.broken(file, "field " + field + " is missing");
        }
        return count(field, 1);
    }

    public int count(String field, int otherwise) {
        return whole(field, otherwise, 1);
    }

    /** A whole number of at least 0. */
    public int countFromZero(String field, int otherwise) {
        return whole(field, otherwise, 0);
    }

    private int whole(String field, int otherwise, int least) {
        if (!has(field)) {
            return otherwise;
        }
        JsonNode value = root.get(field);
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < least) {
            throw wrong(field, "a whole number of at least " + least);
        }
        return value.intValue();
    }

    /** A number greater than 0. */
    public double positive(String field, double otherwise) {
        if (!has(field)) {
            return otherwise;
        }
        JsonNode value = root.get(field);
        if (!value.isNumber() || !(value.doubleValue() > 0)) {
            throw wrong(field, "a number greater than 0");
        }
        return value.doubleValue();
    }

    /** The object in a field; empty when the field is absent or null. */
    public JsonFields object(String field) {
        JsonNode value = root.path(field);
        if (!value.isObject() && !value.isNull() && !value.isMissingNode()) {
            throw wrong(field, "an object");
        }
        return new JsonFields(file, value.isObject() ? value : new ObjectMapper().createObjectNode());
    }

    /**
     * Refuses fields outside the given sets by name, unless they are off: null, false, 0 or empty.
     *
     * @throws ModelRefused as not supported
     */
    @SafeVarargs
    public final void refuseOthers(Set<String>... known) {
        for (Map.Entry<String, JsonNode> field : root.properties()) {
            if (isOn(field.getValue()) && Stream.of(known).noneMatch(names -> names.contains(field.getKey()))) {
                throw ModelRefused.unsupported(file, field.getKey(), field.getValue());
            }
        }
    }

    private static boolean isOn(JsonNode value) {
        return !(value.isNull()
                || value.isBoolean() && !value.booleanValue()
                || value.isContainerNode() && value.isEmpty()
                || value.isNumber() && value.doubleValue() == 0);
    }

    public ModelRefused wrong(String field, String expected) {
        return ModelRefused.broken(file, "field " + field + " must be " + expected + ", not " + root.get(field));
    }
}
