package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The rules of tools and of an assistant's calls of them. Beyond these both go to the template as they are. */
final class ToolRules {

    private ToolRules() {}

    /** The tools that a model may ask for: objects, mostly {@code {"type": "function", "function": {…}}}. */
    static List<Map<String, Object>> tools(JsonNode list, String name) throws FieldProblem {
        List<Map<String, Object>> tools = new ArrayList<>();
        for (ObjectNode tool : objects(list, name)) {
            tools.add(PlainJson.object(tool, name + "[" + tools.size() + "]"));
        }
        return tools;
    }

    /**
     * OpenAI's clients write a call's arguments as a text that holds an object; templates want the object, and get it.
     */
    static List<Map<String, Object>> calls(JsonNode list, String name) throws FieldProblem {
        List<Map<String, Object>> calls = new ArrayList<>();
        for (ObjectNode call : objects(list, name)) {
            String place = name + "[" + calls.size() + "]";
            JsonNode function = new Fields(call, place + ".").require("function");
            if (!(function instanceof ObjectNode object)) {
                throw Fields.wrongType(place + ".function", "an object", function);
            }
            Fields called = new Fields(object, place + ".function.");
            called.requireText("name", 1, Integer.MAX_VALUE);
            ObjectNode arguments = arguments(called.require("arguments"), called.name("arguments"));
            ObjectNode readable = call.deepCopy();
            ((ObjectNode) readable.get("function")).set("arguments", arguments);
            calls.add(PlainJson.object(readable, place));
        }
        return calls;
    }

    private static ObjectNode arguments(JsonNode given, String name) throws FieldProblem {
        if (given instanceof ObjectNode object) {
            return object;
        }
        if (!given.isTextual()) {
            throw Fields.wrongType(name, "an object, or a text that holds one", given);
        }
        return PlainJson.parsed(given.textValue())
                .orElseThrow(() -> new FieldProblem("invalid_value", name, "'" + name + "' holds no JSON object"));
    }

    private static List<ObjectNode> objects(JsonNode list, String name) throws FieldProblem {
        if (!list.isArray()) {
            throw Fields.wrongType(name, "a list", list);
        }
        List<ObjectNode> objects = new ArrayList<>();
        for (JsonNode element : list) {
            if (!(element instanceof ObjectNode object)) {
                throw Fields.wrongType(name + "[" + objects.size() + "]", "an object", element);
            }
            objects.add(object);
        }
        return objects;
    }
}
