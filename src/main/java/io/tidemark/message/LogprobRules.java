package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * How many alternatives stand beside each token. OpenAI's completions write it as a number in {@code logprobs}, its chat
 * completions as {@code "logprobs": true} with the number in {@code top_logprobs}; both are read.
 */
final class LogprobRules {

    private static final int MOST = 20;

    private LogprobRules() {}

    static OptionalInt read(Fields fields) throws FieldProblem {
        Optional<JsonNode> asked = fields.find("logprobs");
        OptionalLong alternatives = fields.integer("top_logprobs", 0, MOST);
        if (asked.isPresent() && !asked.get().isBoolean() && alternatives.isEmpty()) {
            return OptionalInt.of((int) fields.integer("logprobs", 0, MOST, 0));
        }
        boolean wanted = fields.flag("logprobs", false);
        if (alternatives.isPresent() && !wanted) {
            throw new FieldProblem(
                    "conflicting_fields", fields.name("top_logprobs"), "'top_logprobs' needs 'logprobs' to be true");
        }
        return wanted ? OptionalInt.of((int) alternatives.orElse(0)) : OptionalInt.empty();
    }
}
