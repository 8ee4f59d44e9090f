package io.tidemark.cli;

import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.FailureText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;

/** The options for the input of one request; a user gives exactly one of them. */
class PromptOptions {

    @Option(
            names = "--prompt",
            paramLabel = "TEXT",
            converter = LineBreaks.class,
            description = "The prompt, in the format that the adapter was trained on; \\n is a line break.")
    private Optional<String> prompt = Optional.empty();

    @Option(names = "--prompt-file", paramLabel = "FILE", description = "A file with the prompt, used unchanged.")
    private Optional<Path> file = Optional.empty();

    @Option(
            names = "--message",
            paramLabel = "TEXT",
            converter = LineBreaks.class,
            description = "A user message, which the model's chat template renders; \\n is a line break.")
    private Optional<String> message = Optional.empty();

    /** Replaces {@code \n} by a line break, which is hard to type in most shells. */
    static final class LineBreaks implements ITypeConverter<String> {

        @Override
        public String convert(String text) {
            return text.replace("\\n", "\n");
        }
    }

    /** The user message; empty if the input is a prompt. */
    final Optional<String> message() {
        return message;
    }

    /** The prompt; empty if the input is a message. */
    final Optional<String> prompt() {
        return file.map(PromptOptions::read).or(() -> prompt);
    }

    /** @throws CommandException if the file cannot be read */
    static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new CommandException(file + " cannot be read: " + FailureText.oneLine(e), e);
        }
    }
}
