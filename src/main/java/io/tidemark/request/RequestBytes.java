package io.tidemark.request;

import io.tidemark.generation.Completion;
import io.tidemark.message.RequestEstimate;

/** The heap that answers use, in bytes. {@link RequestEstimate} has the most that an answer may use. */
public final class RequestBytes {

    private static final int PER_ANSWER = 4 * 1024;

    private RequestBytes() {}

    /** An answer until it is committed, without its request. */
    public static long of(Answer answer) {
        long bytes = PER_ANSWER;
        if (answer.completion().isPresent()) {
            for (Completion.Choice choice : answer.completion().get().choices()) {
                long logprobs = choice.logprobs().stream()
                        .mapToLong(token -> 1L + token.top().size())
                        .sum();
                bytes += 2L * choice.text().length()
                        + RequestEstimate.answerBytes(choice.tokens().size(), logprobs);
            }
        }
        return bytes;
    }
}
