package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The rules of {@code prompt}, {@code messages} and {@code tools}, which requests and validation examples share. */
final class InputRules {

    private InputRules() {}

    static Input read(Fields fields) throws FieldProblem {
        Optional<JsonNode> messages = fields.find("messages");
        if (messages.isPresent() && fields.find("prompt").isPresent()) {
            throw new FieldProblem(
                    "conflicting_fields", fields.name("messages"), "only one of 'prompt' and 'messages' can be given");
        }
        if (messages.isPresent()) {
            return new Input.Messages(turns(messages.get(), fields.name("messages")), tools(fields));
        }
        if (fields.find("tools").isPresent()) {
            throw new FieldProblem("conflicting_fields", fields.name("tools"), "'tools' go with 'messages' only");
        }
        if (fields.find("prompt").isEmpty()) {
            throw new FieldProblem(
                    "missing_field", fields.name("prompt"), "one of 'prompt' and 'messages' is required");
        }
        return new Input.Prompt(fields.requireText("prompt", 1, Integer.MAX_VALUE));
    }

    private static List<Map<String, Object>> tools(Fields fields) throws FieldProblem {
        Optional<JsonNode> tools = fields.find("tools");
        return tools.isPresent() ? ToolRules.tools(tools.get(), fields.name("tools")) : List.of();
    }

    private static List<ChatTurn> turns(JsonNode list, String name) throws FieldProblem {
        if (!list.isArray()) {
            throw Fields.wrongType(name, "a list", list);
        }
        if (list.isEmpty()) {
            throw new FieldProblem("invalid_value", name, "'" + name + "' must hold at least one message");
        }
        List<ChatTurn> turns = new ArrayList<>(list.size());
        for (JsonNode element : list) {
            String place = name + "[" + turns.size() + "]";
            if (!(element instanceof ObjectNode object)) {
                throw Fields.wrongType(place, "an object", element);
            }
            turns.add(TurnRules.read(new Fields(object, place + ".")));
        }
        return turns;
    }
}
