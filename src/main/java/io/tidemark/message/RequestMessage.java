package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * One value of the topic {@code generation-requests}. Read it with {@link RequestParser}, which fills in the defaults
 * and holds the ranges named here; write it with {@link TopicJson}.
 *
 * @param id       names the request, 1 to 256 characters; the worker makes one where it is absent
 * @param model    an adapter's id, or the base model's name
 * @param input    {@code prompt}, or {@code messages} and perhaps {@code tools}
 * @param sampling how tokens are chosen
 * @param ending   when choices end
 * @param n        choices to make, 1, the default, to 16
 * @param logprobs alternatives to report beside each token, 0 to 20; absent for no log-probabilities
 * @param user     a name for the caller's own books
 * @param stream   whether to write events while text appears; false by default
 * @param priority any 32-bit integer, larger is sooner; 0 by default
 * @param deadline after this the answer is of no use
 * @param boundary overrides the table for this request, 0 or more; the worker knows the upper end
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record RequestMessage(
        Optional<String> id,
        String model,
        @JsonUnwrapped Input input,
        @JsonUnwrapped SamplingFields sampling,
        @JsonUnwrapped EndingFields ending,
        int n,
        OptionalInt logprobs,
        Optional<String> user,
        boolean stream,
        int priority,
        Optional<Instant> deadline,
        OptionalInt boundary) {

    /** A greedy request with every other field at its default, for commands and tests to build on. */
    public static RequestMessage greedy(String id, String model, Input input, int maxTokens) {
        return new RequestMessage(
                Optional.of(id),
                model,
                input,
                SamplingFields.GREEDY,
                EndingFields.after(maxTokens),
                1,
                OptionalInt.empty(),
                Optional.empty(),
                false,
                0,
                Optional.empty(),
                OptionalInt.empty());
    }

    public RequestMessage withStream(boolean streamed) {
        return new RequestMessage(
                id, model, input, sampling, ending, n, logprobs, user, streamed, priority, deadline, boundary);
    }

    public RequestMessage withBoundary(OptionalInt layers) {
        return new RequestMessage(
                id, model, input, sampling, ending, n, logprobs, user, stream, priority, deadline, layers);
    }
}
