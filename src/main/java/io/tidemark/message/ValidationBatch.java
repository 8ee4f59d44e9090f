package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/**
 * One value of the topic {@code validation-batches}: what an adapter should have said. Read it with
 * {@link BatchParser}.
 *
 * @param batchId  names the batch, 1 to 256 characters; a repeated one counts once
 * @param adapter  the adapter's id
 * @param examples at least one
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record ValidationBatch(String batchId, String adapter, List<Example> examples) {

    public ValidationBatch {
        examples = List.copyOf(examples);
    }

    /**
     * @param input      {@code prompt}, or {@code messages} and perhaps {@code tools}
     * @param completion the gold text, not empty
     */
    public record Example(@JsonUnwrapped Input input, String completion) {}
}
