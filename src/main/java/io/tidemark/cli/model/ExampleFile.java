package io.tidemark.cli.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.cli.CommandFailed;
import io.tidemark.cli.JsonLines;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.evaluation.LabelledExample;
import io.tidemark.text.ChatMessage;
import io.tidemark.text.ChatTemplateException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A data file: one object a line with {@code prompt} or {@code messages}, {@code completion}, and perhaps
 * {@code references} or {@code answer}.
 */
public final class ExampleFile {

    private final Path file;
    private final LanguageModel model;

    public ExampleFile(Path file, LanguageModel model) {
        this.file = file;
        this.model = model;
    }

    /**
     * The first examples of the file.
     *
     * @param least how many it must have
     * @throws CommandFailed when there are fewer, or one is incomplete or longer than the context, naming it
     */
    public List<LabelledExample> first(int least, int most) {
        List<ObjectNode> lines = JsonLines.read(file);
        List<LabelledExample> examples = new ArrayList<>();
        for (ObjectNode line : lines.subList(0, Math.min(most, lines.size()))) {
            examples.add(example(line, file + ", object " + (examples.size() + 1)));
        }
        if (examples.size() < least) {
            throw new CommandFailed(file + " holds " + examples.size() + " example; there must be at least " + least);
        }
        return examples;
    }

    /** The same without references and answers. */
    public List<TokenizedExample> firstTokens(int least, int most) {
        return first(least, most).stream().map(LabelledExample::tokens).toList();
    }

    private LabelledExample example(ObjectNode line, String place) {
        if (!line.path("completion").isTextual() || line.has("prompt") == line.has("messages")) {
            throw new CommandFailed(place + " needs 'completion', and one of 'prompt' and 'messages'");
        }
        List<Integer> prompt = line.has("prompt")
                ? model.tokenizer().encodePrompt(line.path("prompt").asText())
                : encodeChat(line.path("messages"), place);
        List<Integer> completion = new ArrayList<>(
                model.tokenizer().encodePlain(line.path("completion").asText()));
        completion.add(model.completionEnd());
        if (prompt.isEmpty()
                || prompt.size() + completion.size() > model.config().contextLength()) {
            throw new CommandFailed(place + " has " + prompt.size() + " tokens of prompt and " + completion.size()
                    + " of completion; it needs one of each and at most "
                    + model.config().contextLength() + " together");
        }
        return new LabelledExample(
                new TokenizedExample(prompt, completion),
                references(line),
                line.has("answer") ? Optional.of(line.path("answer").asText()) : Optional.empty());
    }

    private List<Integer> encodeChat(JsonNode messages, String place) {
        List<ChatMessage> turns = new ArrayList<>();
        messages.forEach(turn -> turns.add(
                new ChatMessage(turn.path("role").asText(), turn.path("content").asText())));
        try {
            return model.encodeChat(turns, List.of());
        } catch (ChatTemplateException e) {
            throw new CommandFailed(place + ": " + e.getMessage(), e);
        }
    }

    /** The completion itself where there are no others. */
    private static List<String> references(ObjectNode line) {
        List<String> references = new ArrayList<>();
        line.path("references").forEach(reference -> references.add(reference.asText()));
        return references.isEmpty() ? List.of(line.path("completion").asText().strip()) : references;
    }
}
