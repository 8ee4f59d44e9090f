package io.tidemark.cli;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.text.ChatMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Where the prompt of {@code tidemark generate} comes from: exactly one of these. */
final class PromptSource {

    @Option(
            names = "--prompt",
            paramLabel = "TEXT",
            converter = LineBreaks.class,
            description = "The prompt, as the adapter was trained to see it.")
    private Optional<String> prompt = Optional.empty();

    @Option(
            names = "--prompt-file",
            paramLabel = "FILE",
            description = "A file that holds the prompt, to its last byte.")
    private Optional<Path> file = Optional.empty();

    @Option(
            names = "--message",
            paramLabel = "TEXT",
            converter = LineBreaks.class,
            description = "A user's message for the model's chat template.")
    private Optional<String> message = Optional.empty();

    /** Token ids; a message's are those of the rendered chat, without the tokenizer's own special tokens. */
    List<Integer> tokens(LanguageModel model) {
        if (message.isPresent()) {
            return model.encodeChat(List.of(new ChatMessage("user", message.get())), List.of());
        }
        return model.tokenizer()
                .encodePrompt(file.map(PromptSource::read).or(() -> prompt).orElse(""));
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new CommandFailed(file + " cannot be read: " + FailureText.oneLine(e), e);
        }
    }
}
