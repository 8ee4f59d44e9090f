package io.tidemark.evaluation;

import io.tidemark.calibration.sweep.TokenizedExample;
import java.util.List;
import java.util.Optional;

/**
 * One line of a data file.
 *
 * @param tokens     prompt and gold completion
 * @param references texts that a generated text is compared with, one or more
 * @param answer     the expected number of a data set such as GSM8K
 */
public record LabelledExample(TokenizedExample tokens, List<String> references, Optional<String> answer) {

    public LabelledExample {
        references = List.copyOf(references);
        if (references.isEmpty()) {
            throw new IllegalArgumentException("an example needs a reference");
        }
    }
}
