package io.tidemark.message;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/**
 * The fields of a request that say when its choices end.
 *
 * @param maxTokens    the most tokens a choice may have, 1 or more; {@value #DEFAULT_MAX_TOKENS} by default
 * @param minTokens    until so many tokens nothing ends a choice, 0, the default, to {@code maxTokens}
 * @param stop         at most 16 texts, none empty, that end a choice; one text may be written without a list
 * @param stopTokenIds at most 64 token ids that end a choice beside the model's own
 * @param ignoreEos    whether the model's end-of-sequence tokens end nothing; false by default
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record EndingFields(
        int maxTokens, int minTokens, List<String> stop, List<Integer> stopTokenIds, boolean ignoreEos) {

    /** As many tokens as a request gets that doesn't say. */
    public static final int DEFAULT_MAX_TOKENS = 256;

    public EndingFields {
        stop = List.copyOf(stop);
        stopTokenIds = List.copyOf(stopTokenIds);
    }

    public static EndingFields after(int maxTokens) {
        return new EndingFields(maxTokens, 0, List.of(), List.of(), false);
    }
}
