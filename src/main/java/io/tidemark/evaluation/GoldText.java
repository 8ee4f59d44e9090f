package io.tidemark.evaluation;

import io.tidemark.calibration.TokenizedExample;
import java.util.List;
import java.util.Optional;

/**
 * An example of a data file.
 *
 * @param tokens     prompt and gold completion
 * @param references texts that a generated one is compared with, at least one
 * @param answer     the number that a sum comes to, where the data set has one
 */
public record GoldText(TokenizedExample tokens, List<String> references, Optional<String> answer) {

    public GoldText {
        references = List.copyOf(references);
        if (references.isEmpty()) {
            throw new IllegalArgumentException("an example needs a reference");
        }
    }
}
