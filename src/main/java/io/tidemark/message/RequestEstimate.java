package io.tidemark.message;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;

/**
 * What is known of a request before it is parsed: what it may need, in tokens and bytes of heap, and its {@link
 * RequestHead}. One pass over the value makes it, without a tree.
 *
 * <p>The bytes are upper estimates. They were measured with compressed object pointers on the worst values that are
 * permitted; a test compares them with the heap.
 *
 * @param tokens      tokens of the prompt, by the size of the value, plus {@code n * max_tokens}
 * @param keptBytes   heap of the parsed request without its value: fields that requests do not have are not kept
 * @param promptBytes heap of the most tokens that the prompt may have
 * @param answerBytes heap of the largest answer
 * @param head        the fields that matter before the request is parsed
 * @param model       the field {@code model}, if it is a text
 * @param user        the field {@code user}, if it is a text
 */
public record RequestEstimate(
        long tokens,
        long keptBytes,
        long promptBytes,
        long answerBytes,
        RequestHead head,
        Optional<String> model,
        Optional<String> user) {

    /** How many bytes of JSON count as a token. Common tokenizers make a token of about 4 characters of English. */
    private static final int BYTES_PER_TOKEN = 4;

    /** Heap of each character of a kept field, in bytes: its text in UTF-16. */
    private static final int PER_CHAR = 2;

    /** Heap of each character of {@code stop}, besides the text: what the search for stop strings keeps. */
    private static final int PER_STOP_CHAR = 4;

    /** Heap of each list, object, field name and value of a kept field: a plain value in a list or a map. */
    private static final int PER_ELEMENT = 130;

    /** Heap of each token of the prompt: a boxed number with its place in two lists. */
    private static final int PER_PROMPT_TOKEN = 24;

    /** Heap of each generated token, without log-probabilities. */
    private static final int PER_TOKEN = 32;

    /** Heap of each log-probability: two objects and the text of the token. */
    private static final int PER_LOGPROB = 120;

    private static final int PER_REQUEST = 4 * 1024;

    /** The most bytes of a character in UTF-8. One above U+FFFF has 4 bytes and counts as two characters. */
    private static final int MAX_BYTES_PER_CHAR = 3;

    /** The fields of a request with text, a list or an object. */
    private static final Set<String> KEPT = Set.of(
            "id",
            "model",
            "user",
            "prompt",
            "messages",
            "tools",
            "stop",
            "stop_token_ids",
            "logit_bias",
            "response_format",
            "structured_outputs");

    /** The estimate for a record that is rejected without parsing. */
    public static final RequestEstimate REJECTED =
            new RequestEstimate(0, PER_REQUEST, 0, 0, RequestHead.EMPTY, Optional.empty(), Optional.empty());

    /**
     * Estimates a value of a request topic. A value that is no JSON object counts as it was read up to the fault: this
     * pass reads all that {@link RequestMessage#parse} reads, so that such a request is rejected.
     *
     * @param contextLength tokens of the model's context: a longer prompt or a larger {@code max_tokens} is rejected
     */
    public static RequestEstimate of(byte[] value, int contextLength) {
        Pass pass = new Pass();
        String text = new String(value, StandardCharsets.UTF_8);
        try (JsonParser parser = TopicJson.requestParser(text)) {
            pass.read(parser);
        } catch (IOException e) {
            // the request is rejected when it is parsed
        }
        long otherChars = text.length() - pass.chars;
        long bytes = Math.max(0, Math.min(pass.chars * MAX_BYTES_PER_CHAR, value.length - otherChars));
        long tokens = pass.choices * Math.min(contextLength, pass.tokens);
        return new RequestEstimate(
                tokens(value.length) + tokens,
                PER_REQUEST + PER_CHAR * pass.chars + PER_STOP_CHAR * pass.stopChars + PER_ELEMENT * pass.elements,
                PER_PROMPT_TOKEN * Math.min(contextLength, bytes),
                answerBytes(tokens, pass.logprobs(tokens)),
                pass.head(),
                pass.model,
                pass.user);
    }

    /** An estimate of the tokens of a text of JSON, by its size in bytes. */
    public static long tokens(long bytes) {
        return bytes / BYTES_PER_TOKEN;
    }

    /** Bytes of heap of the open request before its prompt is tokenized, with the answer, without the value. */
    public long openBytes() {
        return keptBytes + promptBytes + answerBytes;
    }

    /** Bytes of heap of the open request as in {@link #openBytes()}, with the tokens that the prompt has. */
    public long openBytes(int promptTokens) {
        return keptBytes + (long) PER_PROMPT_TOKEN * promptTokens + answerBytes;
    }

    /**
     * Bytes of heap of generated text.
     *
     * @param tokens   generated tokens of all choices
     * @param logprobs log-probabilities, with those of alternatives
     */
    public static long answerBytes(long tokens, long logprobs) {
        return PER_TOKEN * tokens + PER_LOGPROB * logprobs;
    }

    /** What one pass over the fields at the top level finds. */
    private static final class Pass {

        private long choices = 1;
        private long tokens = EndingFields.DEFAULT_MAX_TOKENS;
        private long alternatives;
        private boolean logprobs;
        private Optional<String> model = Optional.empty();
        private Optional<String> user = Optional.empty();
        /** How many characters the kept fields have. */
        private long chars;
        /** How many of these characters are in {@code stop}. */
        private long stopChars;
        /** How many lists, objects, field names and values the kept fields have. */
        private long elements;

        private final ObjectNode headFields = JsonNodeFactory.instance.objectNode();

        private void read(JsonParser parser) throws IOException {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return;
            }
            JsonToken next = parser.nextToken();
            while (next == JsonToken.FIELD_NAME) {
                String field = parser.currentName();
                if (KEPT.contains(field)) {
                    long begin = parser.currentTokenLocation().getCharOffset();
                    next = keep(field, parser);
                    long length = parser.currentTokenLocation().getCharOffset() - begin;
                    chars += length;
                    stopChars += field.equals("stop") ? length : 0;
                } else {
                    JsonToken value = parser.nextToken();
                    head(field, parser);
                    if (value != null && value.isNumeric()) {
                        number(field, parser);
                    } else if (value == JsonToken.VALUE_TRUE) {
                        logprobs |= field.equals("logprobs");
                    }
                    parser.skipChildren();
                    next = parser.nextToken();
                }
            }
        }

        /** Counts the elements of a value, and returns the token after it. */
        private JsonToken keep(String field, JsonParser parser) throws IOException {
            int depth = 0;
            do {
                JsonToken token = parser.nextToken();
                if (token == null) {
                    return null;
                }
                if (depth == 0) {
                    head(field, parser);
                    if (field.equals("model") && token == JsonToken.VALUE_STRING) {
                        model = Optional.of(parser.getText());
                    } else if (field.equals("user") && token == JsonToken.VALUE_STRING) {
                        user = Optional.of(parser.getText());
                    }
                }
                depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
                elements += token.isStructEnd() ? 0 : 1;
            } while (depth > 0);
            return parser.nextToken();
        }

        private void head(String field, JsonParser parser) throws IOException {
            JsonToken token = parser.currentToken();
            if (!RequestHead.FIELDS.contains(field) || token == null) {
                return;
            }
            switch (token) {
                case VALUE_STRING -> headFields.put(field, parser.getText());
                case VALUE_NUMBER_INT -> headFields.put(field, parser.getBigIntegerValue());
                case VALUE_NUMBER_FLOAT -> headFields.put(field, parser.getDoubleValue());
                default -> {
                    // null is the same as an absent field, and the others are not valid
                }
            }
        }

        /** What is valid of the head: the rest is absent, and the request is rejected when it is parsed. */
        private RequestHead head() {
            while (true) {
                try {
                    return RequestHead.read(new Fields(headFields, ""));
                } catch (Fields.InvalidField e) {
                    headFields.remove(e.asError().param().orElseThrow());
                }
            }
        }

        /** Reads a number. As in a request, 64.0 is an integer. One out of range counts as the nearest permitted. */
        private void number(String field, JsonParser parser) throws IOException {
            switch (field) {
                case "n" -> choices = within(1, RequestMessage.MAX_CHOICES, parser);
                case "max_tokens", "max_completion_tokens" -> tokens = within(1, EndingFields.LIMIT_TOKENS, parser);
                case "logprobs", "top_logprobs" -> {
                    logprobs |= field.equals("logprobs");
                    alternatives = within(0, RequestMessage.MAX_ALTERNATIVES, parser);
                }
                default -> {
                    // no other field changes the estimate
                }
            }
        }

        private static long within(int min, int max, JsonParser parser) throws IOException {
            return (long) Math.max(min, Math.min(max, parser.getDoubleValue()));
        }

        private long logprobs(long generated) {
            return logprobs ? Math.min(RequestMessage.MAX_LOGPROBS, (alternatives + 1) * generated) : 0;
        }
    }
}
