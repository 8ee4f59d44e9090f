package io.tidemark.cli.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.FailureText;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.evaluation.LabelledExample;
import io.tidemark.text.ChatMessage;
import io.tidemark.text.ChatTemplateException;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A JSONL file of requests or examples, one JSON object per line. An example has {@code prompt} or {@code messages},
 * {@code completion}, and optionally {@code references} or {@code answer}.
 */
public record DataFile(Path path) {

    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * Reads all objects.
     *
     * @throws CommandException when the file cannot be read or is empty, or a line is not a JSON object, with file and
     *     line
     */
    public List<ObjectNode> objects() {
        List<ObjectNode> objects = new ArrayList<>();
        List<String> lines = lines();
        for (int number = 1; number <= lines.size(); number++) {
            String line = lines.get(number - 1);
            if (!line.isBlank()) {
                objects.add(object(line, path + ":" + number));
            }
        }
        if (objects.isEmpty()) {
            throw new CommandException(path + " contains no JSON object");
        }
        return objects;
    }

    /**
     * Reads and tokenizes the first examples.
     *
     * @throws CommandException when there are fewer examples than the minimum, or an example is incomplete or
     *     longer than the context, with file and number
     */
    public List<LabelledExample> examples(LanguageModel model, int minimum, int maximum) {
        List<ObjectNode> lines = objects();
        List<LabelledExample> examples = new ArrayList<>();
        for (ObjectNode line : lines.subList(0, Math.min(maximum, lines.size()))) {
            examples.add(example(model, line, path + ", object " + (examples.size() + 1)));
        }
        if (examples.size() < minimum) {
            throw new CommandException(
                    path + " holds " + examples.size() + " example; there must be at least " + minimum);
        }
        return examples;
    }

    /** As {@link #examples}, without references and answers. */
    public List<TokenizedExample> tokenized(LanguageModel model, int minimum, int maximum) {
        return examples(model, minimum, maximum).stream()
                .map(LabelledExample::tokens)
                .toList();
    }

    private List<String> lines() {
        try {
            return Files.readAllLines(path);
        } catch (MalformedInputException e) {
            throw new CommandException(path + " is not UTF-8", e);
        } catch (IOException e) {
            throw new CommandException(path + " cannot be read: " + FailureText.oneLine(e), e);
        }
    }

    private static ObjectNode object(String line, String place) {
        try {
            JsonNode node = JSON.readTree(line);
            if (node instanceof ObjectNode object) {
                return object;
            }
            throw new CommandException(place + " is not a JSON object");
        } catch (JsonProcessingException e) {
            throw new CommandException(place + " is not JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static LabelledExample example(LanguageModel model, ObjectNode line, String place) {
        if (!line.path("completion").isTextual() || line.has("prompt") == line.has("messages")) {
            throw new CommandException(place + " needs 'completion', and one of 'prompt' and 'messages'");
        }
        List<Integer> prompt = line.has("prompt")
                ? model.tokenizer().encodePrompt(line.path("prompt").asText())
                : encodeChat(model, line.path("messages"), place);
        List<Integer> completion = new ArrayList<>(
                model.tokenizer().encodePlain(line.path("completion").asText()));
        completion.add(model.completionEnd());
        if (prompt.isEmpty()
                || prompt.size() + completion.size() > model.config().contextLength()) {
            throw new CommandException(place + " has " + prompt.size() + " tokens of prompt and " + completion.size()
                    + " of completion; it needs one of each and at most "
                    + model.config().contextLength() + " together");
        }
        return new LabelledExample(
                new TokenizedExample(prompt, completion),
                references(line),
                line.has("answer") ? Optional.of(line.path("answer").asText()) : Optional.empty());
    }

    private static List<Integer> encodeChat(LanguageModel model, JsonNode messages, String place) {
        List<ChatMessage> chat = new ArrayList<>();
        messages.forEach(message -> chat.add(new ChatMessage(
                message.path("role").asText(), message.path("content").asText())));
        try {
            return model.encodeChat(chat, List.of());
        } catch (ChatTemplateException e) {
            throw new CommandException(place + ": " + e.getMessage(), e);
        }
    }

    /** The completion is the only reference if the line has none. */
    private static List<String> references(ObjectNode line) {
        List<String> references = new ArrayList<>();
        line.path("references").forEach(reference -> references.add(reference.asText()));
        return references.isEmpty() ? List.of(line.path("completion").asText().strip()) : references;
    }
}
