package io.tidemark.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.model.JsonFields;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * The end-of-sequence token that stands behind a completion which is scored. A model may name several; trainers append,
 * and chat templates end a turn with, the one that {@code tokenizer_config.json} calls {@code eos_token}.
 */
public final class CompletionEnd {

    private CompletionEnd() {}

    /** @param ends the model's end-of-sequence tokens in the order of its files, at least one */
    public static int of(Path folder, Set<Integer> ends, TextTokenizer tokenizer) {
        Path config = folder.resolve("tokenizer_config.json");
        if (Files.isRegularFile(config)) {
            JsonNode named = JsonFields.read(config).root().path("eos_token");
            List<Integer> tokens = tokenizer.encodePlain(named.path("content").asText(named.asText("")));
            if (tokens.size() == 1 && ends.contains(tokens.get(0))) {
                return tokens.get(0);
            }
        }
        return ends.iterator().next();
    }
}
