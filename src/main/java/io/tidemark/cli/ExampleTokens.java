package io.tidemark.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.model.LanguageModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The examples of a file with {@code prompt} and {@code completion} on every line, as tokens. */
final class ExampleTokens {

    private ExampleTokens() {
    }

    /** @throws CommandFailed when a line lacks one of the two */
    static List<TokenizedExample> read(Path data, LanguageModel language, int most) {
        return JsonLines.read(data).stream().limit(most).map(line -> tokenized(data, language, line)).toList();
    }

    private static TokenizedExample tokenized(Path data, LanguageModel language, ObjectNode line) {
        if (!line.path("prompt").isTextual() || !line.path("completion").isTextual()) {
            throw new CommandFailed(data + ": every line needs 'prompt' and 'completion' as text");
        }
        List<Integer> completion = new ArrayList<>(language.tokenizer().encodePlain(line.path("completion").asText()));
        language.config().endOfSequence().stream().min(Integer::compare).ifPresent(completion::add);
        return new TokenizedExample(language.tokenizer().encodePrompt(line.path("prompt").asText()), completion);
    }
}
