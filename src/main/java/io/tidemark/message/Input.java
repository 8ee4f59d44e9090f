package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The input of a request or a validation example: exactly one of the fields {@code prompt} and {@code messages}. */
public sealed interface Input {

    /** The name of the field. */
    String field();

    /** A plain text, not empty. */
    record Prompt(String prompt) implements Input {

        @Override
        public String field() {
            return "prompt";
        }
    }

    /**
     * A conversation for the chat template of the model.
     *
     * @param messages the turns of the conversation, at least one
     * @param tools    the tools that the model may call, as plain JSON values; the chat template gets them unchanged
     */
    record Messages(
            List<ChatTurn> messages,
            @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Map<String, Object>> tools) implements Input {

        public Messages {
            messages = List.copyOf(messages);
            tools = List.copyOf(tools);
        }

        @Override
        public String field() {
            return "messages";
        }
    }

    /** Reads {@code prompt}, {@code messages} and {@code tools}. */
    static Input read(Fields fields) throws Fields.InvalidField {
        Optional<JsonNode> messages = fields.find("messages");
        if (messages.isPresent() && fields.find("prompt").isPresent()) {
            throw new Fields.InvalidField(
                    "conflicting_fields", fields.name("messages"), "only one of 'prompt' and 'messages' is allowed");
        }
        if (messages.isPresent()) {
            return new Messages(messages(messages.get(), fields.name("messages")), tools(fields));
        }
        if (fields.find("tools").isPresent()) {
            throw new Fields.InvalidField("conflicting_fields", fields.name("tools"), "'tools' requires 'messages'");
        }
        if (fields.find("prompt").isEmpty()) {
            throw new Fields.InvalidField(
                    "missing_field", fields.name("prompt"), "one of 'prompt' and 'messages' is required");
        }
        return new Prompt(fields.requireText("prompt", 1, Integer.MAX_VALUE));
    }

    private static List<ChatTurn> messages(JsonNode list, String name) throws Fields.InvalidField {
        List<ChatTurn> messages = Fields.list(list, name, ChatTurn::read);
        if (messages.isEmpty()) {
            throw new Fields.InvalidField("invalid_value", name, "'" + name + "' must have at least one message");
        }
        return messages;
    }

    private static List<Map<String, Object>> tools(Fields fields) throws Fields.InvalidField {
        Optional<JsonNode> tools = fields.find("tools");
        return tools.isPresent() ? Fields.list(tools.get(), fields.name("tools"), Fields::toMap) : List.of();
    }
}
