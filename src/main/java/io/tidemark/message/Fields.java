package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.DoublePredicate;

/**
 * Strict access to the fields of one JSON object. Types are never converted: text is not a number, and a number is not
 * text. An explicit null is the same as an absent field. As in JSON Schema, 64.0 is an integer and 1.5 is not.
 *
 * @param path where the object is in the document, such as {@code messages[2]}; empty for the outer object
 */
record Fields(ObjectNode object, String path) {

    /** The maximum length of an id, a model name, a role or a user, in characters. */
    static final int MAX_NAME_LENGTH = 256;

    /** The largest number up to which a double represents every integer. */
    private static final double MAX_EXACT_INTEGER = 0x1p53;

    /** Reads a value from the fields of an object. */
    interface Reader<T> {
        T read(Fields fields) throws InvalidField;
    }

    /** A field breaks a rule. Ends the parsing of the document and does not leave this package. */
    static final class InvalidField extends Exception {

        private static final long serialVersionUID = 1L;

        private final String code;
        private final String param;

        /** @param param the path of the field, or null if the whole document is invalid */
        InvalidField(String code, String param, String message) {
            super(message, null, false, false);
            this.code = code;
            this.param = param;
        }

        ErrorBody asError() {
            return new ErrorBody(ErrorBody.INVALID_REQUEST, code, getMessage(), Optional.ofNullable(param));
        }
    }

    /** The range of a number, with its description for error messages. */
    enum Range {
        /** The range of presence and frequency penalties in OpenAI's API. */
        PENALTY("from -2 to 2", value -> value >= -2 && value <= 2),
        /** The range of a logit bias in OpenAI's API. */
        BIAS("from -100 to 100", value -> value >= -100 && value <= 100),
        NOT_NEGATIVE("0 or more", value -> value >= 0),
        POSITIVE("more than 0", value -> value > 0),
        FRACTION("from 0 to 1", value -> value >= 0 && value <= 1),
        POSITIVE_FRACTION("more than 0 and at most 1", value -> value > 0 && value <= 1);

        private final String description;
        private final DoublePredicate contains;

        Range(String description, DoublePredicate contains) {
            this.description = description;
            this.contains = contains;
        }
    }

    /** The path of a field of this object, as it appears in errors. */
    String name(String field) {
        return path.isEmpty() ? field : path + "." + field;
    }

    Optional<JsonNode> find(String field) {
        return Optional.ofNullable(object.get(field)).filter(node -> !node.isNull());
    }

    JsonNode require(String field) throws InvalidField {
        return find(field)
                .orElseThrow(() -> new InvalidField("missing_field", name(field), "'" + name(field) + "' is required"));
    }

    Optional<String> text(String field, int minLength, int maxLength) throws InvalidField {
        Optional<JsonNode> node = find(field);
        return node.isEmpty() ? Optional.empty() : Optional.of(text(node.get(), name(field), minLength, maxLength));
    }

    String requireText(String field, int minLength, int maxLength) throws InvalidField {
        return text(require(field), name(field), minLength, maxLength);
    }

    long integer(String field, long min, long max, long absent) throws InvalidField {
        return integer(field, min, max).orElse(absent);
    }

    OptionalLong integer(String field, long min, long max) throws InvalidField {
        Optional<JsonNode> found = find(field);
        return found.isEmpty() ? OptionalLong.empty() : OptionalLong.of(integer(found.get(), name(field), min, max));
    }

    /** An integer in a range within that of an int, see {@link #integer}. */
    OptionalInt smallInteger(String field, int min, int max) throws InvalidField {
        OptionalLong value = integer(field, min, max);
        return value.isPresent() ? OptionalInt.of(Math.toIntExact(value.getAsLong())) : OptionalInt.empty();
    }

    /** The number in a field, finite and in a range; {@code absent} without the field. */
    double number(String field, Range range, double absent) throws InvalidField {
        Optional<JsonNode> found = find(field);
        if (found.isEmpty()) {
            return absent;
        }
        if (!found.get().isNumber()) {
            throw wrongType(name(field), "a number", found.get());
        }
        double value = found.get().doubleValue();
        if (!Double.isFinite(value) || !range.contains.test(value)) {
            throw new InvalidField("out_of_range", name(field), "'" + name(field) + "' must be " + range.description);
        }
        return value;
    }

    boolean flag(String field, boolean absent) throws InvalidField {
        Optional<JsonNode> node = find(field);
        if (node.isPresent() && !node.get().isBoolean()) {
            throw wrongType(name(field), "true or false", node.get());
        }
        return node.map(JsonNode::booleanValue).orElse(absent);
    }

    /** The RFC 3339 date and time in a field. */
    Optional<Instant> instant(String field) throws InvalidField {
        Optional<String> text = text(field, 1, 64);
        try {
            Optional<OffsetDateTime> time = text.map(OffsetDateTime::parse);
            if (time.filter(moment -> moment.getYear() < 1 || moment.getYear() > 9999)
                    .isPresent()) {
                // RFC 3339 has no such year, and the milliseconds since 1970 may overflow
                throw new DateTimeException("year out of range");
            }
            return time.map(OffsetDateTime::toInstant);
        } catch (DateTimeException e) {
            throw new InvalidField(
                    "invalid_value",
                    name(field),
                    "'" + name(field)
                            + "' must be an ISO-8601 date and time with an offset, such as 2026-12-01T12:00:00Z");
        }
    }

    /** Checks that other programs read all names, texts and numbers of this object as they are here. */
    void requirePortable() throws InvalidField {
        requirePortable(object);
    }

    private void requirePortable(JsonNode node) throws InvalidField {
        for (Map.Entry<String, JsonNode> field : node.properties()) {
            requireUnicode(field.getKey(), path);
            requirePortable(field.getValue());
        }
        if (node.isArray()) {
            for (JsonNode element : node) {
                requirePortable(element);
            }
        }
        requirePortableScalar(node);
    }

    private void requirePortableScalar(JsonNode node) throws InvalidField {
        if (node.isTextual()) {
            requireUnicode(node.textValue(), path);
        }
        if (node.isNumber() && !Double.isFinite(node.doubleValue())) {
            throw new InvalidField("invalid_value", path, "'" + path + "' has a number that JSON cannot represent");
        }
    }

    /** This object as plain values: maps and lists in the order of the document, text, numbers, booleans and null. */
    Map<String, Object> toMap() throws InvalidField {
        Map<String, Object> map = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> field : object.properties()) {
            requireUnicode(field.getKey(), path);
            map.put(field.getKey(), plain(field.getValue()));
        }
        return map;
    }

    private Object plain(JsonNode node) throws InvalidField {
        if (node instanceof ObjectNode nested) {
            return new Fields(nested, path).toMap();
        }
        if (node.isArray()) {
            List<Object> list = new ArrayList<>();
            for (JsonNode element : node) {
                list.add(plain(element));
            }
            return list;
        }
        requirePortableScalar(node);
        if (node.isTextual()) {
            return node.textValue();
        }
        if (node.isNumber()) {
            return node.numberValue();
        }
        return node.isBoolean() ? node.booleanValue() : null;
    }

    /**
     * Reads a list of objects.
     *
     * @param name the path of the list
     */
    static <T> List<T> list(JsonNode list, String name, Reader<T> reader) throws InvalidField {
        if (!list.isArray()) {
            throw wrongType(name, "a list", list);
        }
        List<T> values = new ArrayList<>(list.size());
        for (JsonNode element : list) {
            values.add(reader.read(of(element, name + "[" + values.size() + "]")));
        }
        return values;
    }

    static Fields of(JsonNode node, String name) throws InvalidField {
        if (node instanceof ObjectNode object) {
            return new Fields(object, name);
        }
        throw wrongType(name, "an object", node);
    }

    static String text(JsonNode node, String name, int minLength, int maxLength) throws InvalidField {
        if (!node.isTextual()) {
            throw wrongType(name, "a string", node);
        }
        String text = node.textValue();
        if (text.length() < minLength) {
            throw new InvalidField("invalid_value", name, "'" + name + "' must not be empty");
        }
        if (text.length() > maxLength) {
            throw new InvalidField(
                    "out_of_range",
                    name,
                    "'" + name + "' has " + text.length() + " characters; the limit is " + maxLength);
        }
        requireUnicode(text, name);
        return text;
    }

    static long integer(JsonNode node, String name, long min, long max) throws InvalidField {
        if (!node.isNumber()
                || node.isFloatingPointNumber() && node.doubleValue() % 1 != 0 && Double.isFinite(node.doubleValue())) {
            throw wrongType(name, "an integer", node);
        }
        boolean exact = node.isFloatingPointNumber()
                ? Math.abs(node.doubleValue()) <= MAX_EXACT_INTEGER
                : node.canConvertToLong();
        if (!exact || node.longValue() < min || node.longValue() > max) {
            throw new InvalidField(
                    "out_of_range", name, "'" + name + "' must be an integer from " + min + " to " + max);
        }
        return node.longValue();
    }

    static InvalidField wrongType(String name, String expected, JsonNode found) {
        return new InvalidField(
                "invalid_type",
                name,
                "'" + name + "' must be " + expected + ", not "
                        + switch (found.getNodeType()) {
                            case ARRAY -> "a list";
                            case OBJECT -> "an object";
                            case BOOLEAN -> "a boolean";
                            case NUMBER -> found.isIntegralNumber() ? "an integer" : "a number with a fraction";
                            case STRING -> "a string";
                            default -> "null";
                        });
    }

    /** An unpaired surrogate is not Unicode and cannot be encoded as UTF-8. */
    private static void requireUnicode(String text, String name) throws InvalidField {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                // a pair is one character
                if (!Character.isSupplementaryCodePoint(text.codePointAt(i))) {
                    throw new InvalidField("invalid_value", name, "'" + name + "' has an unpaired surrogate");
                }
                i++;
            }
        }
    }
}
