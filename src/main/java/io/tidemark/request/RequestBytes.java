package io.tidemark.request;

import io.tidemark.generation.Completion;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Upper estimates of the heap that requests use, in bytes. They were measured with compressed object pointers on the
 * worst values that are permitted; a test compares them with the heap.
 */
public final class RequestBytes {

    /**
     * For each byte of the value: the value itself, its text in UTF-16, and a boxed token with its place in a list. A
     * value may have a token for each byte.
     */
    private static final int PER_BYTE = 27;

    /** For each bracket, colon or comma of the value: at most two nodes of the tree, and the plain values of it. */
    private static final int PER_SEPARATOR = 130;

    /** For each generated token, without log-probabilities. */
    private static final int PER_TOKEN = 32;

    /** For each log-probability: two objects and the text of the token. */
    private static final int PER_LOGPROB = 120;

    private static final int PER_REQUEST = 4 * 1024;

    private static final byte[] LOGPROBS = "logprobs".getBytes(StandardCharsets.UTF_8);

    private RequestBytes() {}

    /**
     * A request while it is open, without its answer. Takes one pass over the value.
     *
     * @param value the encoded request, not parsed
     */
    public static long ofValue(byte[] value) {
        int separators = 0;
        for (byte each : value) {
            if (each == '{' || each == '[' || each == ':' || each == ',') {
                separators++;
            }
        }
        return PER_REQUEST
                + (long) PER_BYTE * value.length
                + (long) PER_SEPARATOR * Math.min(separators, TopicJson.MAX_TOKENS / 2);
    }

    /** The most that the answer of a request may use that is not parsed: as if it had all log-probabilities. */
    static long ofUnknownAnswer(byte[] value) {
        return mayHaveLogprobs(value) ? (long) PER_LOGPROB * RequestMessage.MAX_LOGPROBS : 0;
    }

    /** A field name may be escaped, so a backslash counts as well. */
    private static boolean mayHaveLogprobs(byte[] value) {
        for (int i = 0; i <= value.length - LOGPROBS.length; i++) {
            if (value[i] == LOGPROBS[0] && Arrays.equals(value, i, i + LOGPROBS.length, LOGPROBS, 0, LOGPROBS.length)
                    || value[i] == '\\' && i + 1 < value.length && value[i + 1] == 'u') {
                return true;
            }
        }
        return false;
    }

    /** The most that the answer of a request may use. */
    static long ofAnswer(RequestMessage request) {
        return (long) PER_TOKEN * request.n() * request.ending().maxTokens() + PER_LOGPROB * request.maxLogprobs();
    }

    /** An answer until it is committed, without its request. */
    public static long of(Answer answer) {
        long bytes = PER_REQUEST;
        if (answer.completion().isPresent()) {
            for (Completion.Choice choice : answer.completion().get().choices()) {
                bytes += 2L * choice.text().length()
                        + (long) PER_TOKEN * choice.tokens().size();
                for (Completion.TokenLogprob token : choice.logprobs()) {
                    bytes += PER_LOGPROB * (1L + token.top().size());
                }
            }
        }
        return bytes;
    }
}
