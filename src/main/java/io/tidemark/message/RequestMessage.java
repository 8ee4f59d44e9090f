package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * One value of the topic {@code generation-requests}. Read it with {@link RequestParser}, which fills in the defaults
 * and holds the ranges named here; write it with {@link TopicJson}.
 *
 * @param id                names the request, 1 to 256 characters; the worker makes one where it is absent
 * @param model             an adapter's id, or the base model's name
 * @param input             {@code prompt}, or {@code messages} and perhaps {@code tools}
 * @param maxTokens         the most tokens a choice may have, 1 or more; {@value #DEFAULT_MAX_TOKENS} by default
 * @param temperature       0 (greedy) or more; 1 by default
 * @param topP              more than 0 and at most 1, the default
 * @param topK              0 or more; 0, the default, keeps all tokens
 * @param minP              0, the default, to 1
 * @param repetitionPenalty more than 0; 1, the default, changes nothing
 * @param seed              any 64-bit integer; derived from the id where absent
 * @param stop              at most 16 texts, none empty, that end a choice; one text may be written without a list
 * @param n                 choices to make, 1, the default, to 16
 * @param logprobs          alternatives to report beside each token, 0 to 20; absent for no log-probabilities
 * @param user              a name for the caller's own books
 * @param stream            whether to write events while text appears; false by default
 * @param priority          any 32-bit integer, larger is sooner; 0 by default
 * @param deadline          after this the answer is of no use
 * @param boundary          overrides the table for this request, 0 or more; the worker knows the upper end
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record RequestMessage(
        Optional<String> id, String model, @JsonUnwrapped Input input, int maxTokens, double temperature, double topP,
        int topK, double minP, double repetitionPenalty, OptionalLong seed, List<String> stop, int n,
        OptionalInt logprobs, Optional<String> user, boolean stream, int priority, Optional<Instant> deadline,
        OptionalInt boundary) {

    /** As many tokens as a request gets that doesn't say. */
    public static final int DEFAULT_MAX_TOKENS = 256;

    public RequestMessage {
        stop = List.copyOf(stop);
    }

    /** A greedy request with every other field at its default, for commands and tests to build on. */
    public static RequestMessage greedy(String id, String model, Input input, int maxTokens) {
        return new RequestMessage(Optional.of(id), model, input, maxTokens, 0, 1, 0, 0, 1, OptionalLong.empty(),
                List.of(), 1, OptionalInt.empty(), Optional.empty(), false, 0, Optional.empty(), OptionalInt.empty());
    }

    public RequestMessage withStream(boolean streamed) {
        return new RequestMessage(id, model, input, maxTokens, temperature, topP, topK, minP, repetitionPenalty, seed,
                stop, n, logprobs, user, streamed, priority, deadline, boundary);
    }

    public RequestMessage withBoundary(OptionalInt layers) {
        return new RequestMessage(id, model, input, maxTokens, temperature, topP, topK, minP, repetitionPenalty, seed,
                stop, n, logprobs, user, stream, priority, deadline, layers);
    }
}
