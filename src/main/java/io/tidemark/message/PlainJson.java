package io.tidemark.message;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** JSON of any shape as plain values: maps in their order, lists, texts, numbers, booleans and null. */
final class PlainJson {

    private static final ObjectReader READER = TopicJson.newMapper().reader();

    private PlainJson() {}

    /** The object that a text holds; empty when it holds something else or none. */
    static Optional<ObjectNode> parsed(String text) {
        try {
            return READER.readTree(text) instanceof ObjectNode object ? Optional.of(object) : Optional.empty();
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }

    static Map<String, Object> object(ObjectNode object, String name) throws FieldProblem {
        Map<String, Object> map = new LinkedHashMap<>();
        var fields = object.fields();
        while (fields.hasNext()) {
            Map.Entry<String, JsonNode> field = fields.next();
            requireWhole(field.getKey(), name);
            map.put(field.getKey(), value(field.getValue(), name));
        }
        return map;
    }

    private static Object value(JsonNode node, String name) throws FieldProblem {
        if (node instanceof ObjectNode object) {
            return object(object, name);
        }
        if (node.isArray()) {
            List<Object> list = new ArrayList<>();
            for (JsonNode element : node) {
                list.add(value(element, name));
            }
            return list;
        }
        if (node.isTextual()) {
            requireWhole(node.textValue(), name);
            return node.textValue();
        }
        if (node.isNumber()) {
            if (!Double.isFinite(node.doubleValue())) {
                throw new FieldProblem(
                        "invalid_value", name, "'" + name + "' holds a number that JSON has no way to write");
            }
            return node.numberValue();
        }
        return node.isBoolean() ? node.booleanValue() : null;
    }

    private static void requireWhole(String text, String name) throws FieldProblem {
        if (Fields.halfSurrogate(text)) {
            throw new FieldProblem("invalid_value", name, "'" + name + "' holds half a surrogate pair");
        }
    }
}
