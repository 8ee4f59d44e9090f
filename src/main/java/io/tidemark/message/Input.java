package io.tidemark.message;

import java.util.List;

/** What a model is asked to go on from: exactly one of the fields {@code prompt} and {@code messages}. */
public sealed interface Input {

    /** Plain text, not empty. */
    record Prompt(String prompt) implements Input {
    }

    /** A conversation, at least one turn, for the model's chat template. */
    record Messages(List<ChatTurn> messages) implements Input {

        public Messages {
            messages = List.copyOf(messages);
        }
    }
}
