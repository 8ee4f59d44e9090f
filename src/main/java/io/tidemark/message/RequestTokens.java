package io.tidemark.message;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/**
 * The tokens that a request may need, before the request is parsed: an estimate of the prompt from the size of the
 * record, and {@code n * max_tokens}. It reads the fields at the top level in one pass, without a tree.
 */
public final class RequestTokens {

    /** Of JSON. Common tokenizers make a token of about 4 characters of English text. */
    private static final int BYTES_PER_TOKEN = 4;

    private static final int MAX_CHOICES = 16;
    private static final int MAX_TOKENS = 1 << 30;

    private static final JsonFactory JSON = JsonFactory.builder()
            // clients choose the field names, and interned names are never freed
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .build();

    private RequestTokens() {}

    /** The tokens for a value of a request topic. For text that is no valid request, those of a default request. */
    public static long atMost(byte[] value) {
        long choices = 1;
        long tokens = EndingFields.DEFAULT_MAX_TOKENS;
        try (JsonParser parser = JSON.createParser(value)) {
            if (parser.nextToken() == JsonToken.START_OBJECT) {
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    String field = parser.currentName();
                    boolean number = parser.nextToken() == JsonToken.VALUE_NUMBER_INT;
                    if (number && field.equals("n")) {
                        choices = Math.max(1, Math.min(MAX_CHOICES, parser.getValueAsLong(1)));
                    } else if (number && (field.equals("max_tokens") || field.equals("max_completion_tokens"))) {
                        tokens = Math.max(1, Math.min(MAX_TOKENS, parser.getValueAsLong(MAX_TOKENS)));
                    } else {
                        parser.skipChildren();
                    }
                }
            }
        } catch (IOException e) {
            // the request is rejected when it is parsed
        }
        return value.length / BYTES_PER_TOKEN + choices * tokens;
    }
}
