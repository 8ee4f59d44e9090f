package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;

/** What a model is asked to go on from: exactly one of the fields {@code prompt} and {@code messages}. */
public sealed interface Input {

    /** The field's name. */
    String field();

    /** Plain text, not empty. */
    record Prompt(String prompt) implements Input {

        @Override
        public String field() {
            return "prompt";
        }
    }

    /**
     * A conversation for the model's chat template.
     *
     * @param messages at least one turn
     * @param tools    what the model may ask for, plain JSON values that the template gets as they are; perhaps none
     */
    record Messages(
            List<ChatTurn> messages,
            @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Map<String, Object>> tools) implements Input {

        public Messages {
            messages = List.copyOf(messages);
            tools = List.copyOf(tools);
        }

        public Messages(List<ChatTurn> messages) {
            this(messages, List.of());
        }

        @Override
        public String field() {
            return "messages";
        }
    }
}
