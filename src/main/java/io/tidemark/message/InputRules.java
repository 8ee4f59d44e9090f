package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The rules of {@code prompt} and {@code messages}, which requests and validation examples share. */
final class InputRules {

    private static final Set<String> ROLES = Set.of("system", "user", "assistant", "tool");

    private InputRules() {
    }

    static Input read(Fields fields) throws FieldProblem {
        Optional<JsonNode> messages = fields.find("messages");
        if (messages.isPresent() && fields.find("prompt").isPresent()) {
            throw new FieldProblem("conflicting_fields", fields.name("messages"),
                    "only one of 'prompt' and 'messages' can be given");
        }
        if (messages.isPresent()) {
            return new Input.Messages(turns(messages.get(), fields.name("messages")));
        }
        if (fields.find("prompt").isEmpty()) {
            throw new FieldProblem("missing_field", fields.name("prompt"),
                    "one of 'prompt' and 'messages' is required");
        }
        return new Input.Prompt(fields.requireText("prompt", 1, Integer.MAX_VALUE));
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
            Fields turn = new Fields(object, place + ".");
            turns.add(new ChatTurn(role(turn), turn.requireText("content", 0, Integer.MAX_VALUE)));
        }
        return turns;
    }

    private static String role(Fields turn) throws FieldProblem {
        String role = turn.requireText("role", 1, RequestParser.MAX_NAME_LENGTH);
        if (!ROLES.contains(role)) {
            throw new FieldProblem("invalid_value", turn.name("role"),
                    "'" + turn.name("role") + "' must be system, user, assistant or tool");
        }
        return role;
    }
}
