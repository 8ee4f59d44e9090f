package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Strict reading of one JSON object's fields: a number is never made from text or a boolean, text never from a number,
 * and an explicit null is the same as an absent field. As in JSON Schema, 64.0 is an integer and 1.5 is none.
 *
 * @param path what to put before a field's name in errors, such as {@code messages[2].}; empty for the outer object
 */
record Fields(ObjectNode object, String path) {

    /** Doubles beyond this don't name one integer. */
    private static final double EXACT_INTEGERS = 0x1p53;

    String name(String field) {
        return path + field;
    }

    Optional<JsonNode> find(String field) {
        return Optional.ofNullable(object.get(field)).filter(node -> !node.isNull());
    }

    JsonNode require(String field) throws FieldProblem {
        return find(field)
                .orElseThrow(() -> new FieldProblem("missing_field", name(field), "'" + name(field) + "' is required"));
    }

    Optional<String> text(String field, int minLength, int maxLength) throws FieldProblem {
        Optional<JsonNode> node = find(field);
        return node.isEmpty() ? Optional.empty() : Optional.of(text(node.get(), name(field), minLength, maxLength));
    }

    String requireText(String field, int minLength, int maxLength) throws FieldProblem {
        return text(require(field), name(field), minLength, maxLength);
    }

    static String text(JsonNode node, String name, int minLength, int maxLength) throws FieldProblem {
        if (!node.isTextual()) {
            throw wrongType(name, "a string", node);
        }
        String text = node.textValue();
        if (text.length() < minLength) {
            throw new FieldProblem("invalid_value", name, "'" + name + "' must not be empty");
        }
        if (text.length() > maxLength) {
            throw new FieldProblem(
                    "out_of_range",
                    name,
                    "'" + name + "' has " + text.length() + " characters; at most " + maxLength + " are taken");
        }
        if (halfSurrogate(text)) {
            throw new FieldProblem("invalid_value", name, "'" + name + "' holds half a surrogate pair");
        }
        return text;
    }

    long integer(String field, long min, long max, long absent) throws FieldProblem {
        OptionalLong value = integer(field, min, max);
        return value.orElse(absent);
    }

    OptionalLong integer(String field, long min, long max) throws FieldProblem {
        Optional<JsonNode> found = find(field);
        if (found.isEmpty()) {
            return OptionalLong.empty();
        }
        return OptionalLong.of(integer(found.get(), name(field), min, max));
    }

    static long integer(JsonNode node, String name, long min, long max) throws FieldProblem {
        if (!node.isNumber()
                || node.isFloatingPointNumber() && node.doubleValue() % 1 != 0 && Double.isFinite(node.doubleValue())) {
            throw wrongType(name, "an integer", node);
        }
        boolean exact =
                node.isFloatingPointNumber() ? Math.abs(node.doubleValue()) <= EXACT_INTEGERS : node.canConvertToLong();
        if (!exact || node.longValue() < min || node.longValue() > max) {
            throw new FieldProblem(
                    "out_of_range", name, "'" + name + "' must be an integer from " + min + " to " + max);
        }
        return node.longValue();
    }

    /** A finite number for which {@code range} holds. */
    double number(String field, Range range, double absent) throws FieldProblem {
        Optional<JsonNode> found = find(field);
        if (found.isEmpty()) {
            return absent;
        }
        if (!found.get().isNumber()) {
            throw wrongType(name(field), "a number", found.get());
        }
        double value = found.get().doubleValue();
        if (!Double.isFinite(value) || !range.holds(value)) {
            throw new FieldProblem("out_of_range", name(field), "'" + name(field) + "' must be " + range.words());
        }
        return value;
    }

    boolean flag(String field, boolean absent) throws FieldProblem {
        Optional<JsonNode> node = find(field);
        if (node.isPresent() && !node.get().isBoolean()) {
            throw wrongType(name(field), "true or false", node.get());
        }
        return node.map(JsonNode::booleanValue).orElse(absent);
    }

    Optional<Instant> instant(String field) throws FieldProblem {
        Optional<String> text = text(field, 1, 64);
        try {
            Optional<OffsetDateTime> time = text.map(OffsetDateTime::parse);
            if (time.filter(moment -> moment.getYear() < 1 || moment.getYear() > 9999)
                    .isPresent()) {
                // such a moment has no place in milliseconds, and RFC 3339 has no such year
                throw new DateTimeException("year out of range");
            }
            return time.map(OffsetDateTime::toInstant);
        } catch (DateTimeException e) {
            throw new FieldProblem(
                    "invalid_value",
                    name(field),
                    "'" + name(field)
                            + "' must be an ISO-8601 date and time with an offset, such as 2026-12-01T12:00:00Z");
        }
    }

    static FieldProblem wrongType(String name, String wanted, JsonNode found) {
        return new FieldProblem(
                "invalid_type",
                name,
                "'" + name + "' must be " + wanted + ", not "
                        + switch (found.getNodeType()) {
                            case ARRAY -> "a list";
                            case OBJECT -> "an object";
                            case BOOLEAN -> "a boolean";
                            case NUMBER -> found.isIntegralNumber() ? "an integer" : "a number with a fraction";
                            case STRING -> "a string";
                            default -> "null";
                        });
    }

    /** Such text is no Unicode and could not be written back as UTF-8. */
    static boolean halfSurrogate(String text) {
        return text.codePoints()
                .anyMatch(point -> point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE);
    }
}
