package io.tidemark.cli.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.FailureText;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.evaluation.LabelledExample;
import io.tidemark.input.InputEncoder;
import io.tidemark.input.RejectedException;
import io.tidemark.message.Parsed;
import io.tidemark.message.ValidationBatch;
import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A JSONL file of requests or examples, one JSON object per line. An example has the fields of an example in a
 * validation batch, and optionally {@code references} or {@code answer}.
 */
public record DataFile(Path path) {

    private static final ObjectMapper JSON = new ObjectMapper();

    /** @param place file and number of the line, for messages */
    private record Line(String place, String text, ObjectNode object) {}

    /**
     * Reads all objects into memory.
     *
     * @throws CommandException when the file cannot be read or is empty, or a line is not a JSON object, with file and
     *     line
     */
    public List<ObjectNode> objects() {
        return read(Stream::toList);
    }

    /**
     * Reads objects one after the other, as the reader needs them; fails as {@link #objects} does when it comes to a
     * line.
     *
     * @param reader the stream is closed when it returns
     */
    public <T> T read(Function<Stream<ObjectNode>, T> reader) {
        return readLines(lines -> reader.apply(lines.map(Line::object)));
    }

    /**
     * Where an example is in the file.
     *
     * @param number the number of its line, from 1
     * @param offset the offset of its first byte
     * @param bytes  the length of the line, without its end
     * @param group  the example's group, if it has one
     */
    public record ExampleLine(int number, long offset, int bytes, Optional<String> group) {}

    /**
     * Finds all examples, without keeping them.
     *
     * @throws CommandException when {@link #objects} fails, or a field of an example is missing or wrong, with file,
     *     line and field
     */
    public List<ExampleLine> exampleLines() {
        List<ExampleLine> found = new ArrayList<>();
        try (InputStream in = new BufferedInputStream(Files.newInputStream(path))) {
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            int number = 0;
            long offset = 0;
            int next = in.read();
            while (next >= 0) {
                line.reset();
                for (; next >= 0 && next != '\n'; next = in.read()) {
                    line.write(next);
                }
                number++;
                String text = decoded(line.toByteArray());
                if (!text.isBlank()) {
                    ValidationBatch.Example example = parse(line(text, path + ":" + number));
                    found.add(new ExampleLine(number, offset, line.size(), example.group()));
                }
                offset += line.size() + 1L;
                next = next < 0 ? next : in.read();
            }
        } catch (IOException e) {
            throw unreadable(e);
        }
        if (found.isEmpty()) {
            throw empty();
        }
        return found;
    }

    /** Opens the file to read examples in any order, one at a time. */
    public LineReader open() {
        try {
            return new LineReader(FileChannel.open(path));
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    /** An open file. Used by one thread. */
    public final class LineReader implements AutoCloseable {

        private final FileChannel file;

        private LineReader(FileChannel file) {
            this.file = file;
        }

        /** @throws CommandException when the line cannot be read, or is no JSON object any more */
        public ObjectNode object(ExampleLine line) {
            return DataFile.line(text(line), place(line)).object();
        }

        /** @throws CommandException as {@link #object}, or when it is no example any more */
        public ValidationBatch.Example example(ExampleLine line) {
            return parse(DataFile.line(text(line), place(line)));
        }

        private String text(ExampleLine line) {
            ByteBuffer bytes = ByteBuffer.allocate(line.bytes());
            try {
                int read = 0;
                while (bytes.hasRemaining() && read >= 0) {
                    read = file.read(bytes, line.offset() + bytes.position());
                }
            } catch (IOException e) {
                throw unreadable(e);
            }
            return decoded(Arrays.copyOf(bytes.array(), bytes.position()));
        }

        /** File and line of an example, for messages. */
        public String place(ExampleLine line) {
            return path + ":" + line.number();
        }

        @Override
        public void close() {
            try {
                file.close();
            } catch (IOException e) {
                throw unreadable(e);
            }
        }
    }

    private String decoded(byte[] line) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(line))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new CommandException(path + " is not UTF-8", e);
        }
    }

    private CommandException unreadable(IOException e) {
        return new CommandException(path + " cannot be read: " + FailureText.oneLine(e), e);
    }

    private CommandException empty() {
        return new CommandException(path + " is empty; each line must be a JSON object");
    }

    /**
     * Reads and tokenizes the first examples; lines behind them are not read.
     *
     * @throws CommandException when there are fewer examples than the minimum, or a calibrator would refuse one of
     *     them, with file, line and field
     */
    public List<LabelledExample> examples(LanguageModel model, int minimum, int maximum) {
        InputEncoder encoder = new InputEncoder(model);
        List<LabelledExample> examples = readLines(lines ->
                lines.limit(maximum).map(line -> example(encoder, line)).toList());
        if (examples.size() < minimum) {
            throw new CommandException(
                    path + " holds " + examples.size() + " example; there must be at least " + minimum);
        }
        return examples;
    }

    /** Tokenizes the examples as {@link #examples} does, without references and answers. */
    public List<TokenizedExample> tokenized(LanguageModel model, int minimum, int maximum) {
        return examples(model, minimum, maximum).stream()
                .map(LabelledExample::tokens)
                .toList();
    }

    private <T> T readLines(Function<Stream<Line>, T> reader) {
        return readTexts(texts -> {
            int[] numbers = new int[2];
            T read = reader.apply(texts.peek(text -> numbers[0]++)
                    .filter(text -> !text.isBlank())
                    .peek(text -> numbers[1]++)
                    .map(text -> line(text, path + ":" + numbers[0])));
            if (numbers[1] == 0) {
                throw empty();
            }
            return read;
        });
    }

    private <T> T readTexts(Function<Stream<String>, T> reader) {
        try (Stream<String> texts = Files.lines(path)) {
            return reader.apply(texts);
        } catch (IOException e) {
            throw unreadable(e);
        } catch (UncheckedIOException e) {
            throw e.getCause() instanceof MalformedInputException
                    ? new CommandException(path + " is not UTF-8", e)
                    : unreadable(e.getCause());
        }
    }

    private static Line line(String text, String place) {
        return new Line(place, text, object(text, place));
    }

    private static ObjectNode object(String text, String place) {
        try {
            JsonNode node = JSON.readTree(text);
            if (node instanceof ObjectNode object) {
                return object;
            }
            throw new CommandException(place + " is not a JSON object");
        } catch (JsonProcessingException e) {
            throw new CommandException(place + " is not JSON: " + FailureText.ofJson(e), e);
        }
    }

    private static ValidationBatch.Example parse(Line line) {
        byte[] value = line.text().getBytes(StandardCharsets.UTF_8);
        Parsed<ValidationBatch.Example> parsed = ValidationBatch.Example.parse(value, TopicSettings.MAX_RECORD_BYTES);
        if (parsed instanceof Parsed.Invalid<ValidationBatch.Example> invalid) {
            throw new CommandException(line.place() + ": " + invalid.error().message());
        }
        return ((Parsed.Valid<ValidationBatch.Example>) parsed).record();
    }

    private static LabelledExample example(InputEncoder encoder, Line line) {
        ValidationBatch.Example example = parse(line);
        try {
            return new LabelledExample(
                    encoder.encode(example, ""), references(line.object(), example), answer(line.object()));
        } catch (RejectedException e) {
            throw new CommandException(line.place() + ": " + e.getMessage(), e);
        }
    }

    /** The completion is the only reference if the line has none. */
    private static List<String> references(ObjectNode line, ValidationBatch.Example example) {
        List<String> references = new ArrayList<>();
        line.path("references").forEach(reference -> references.add(reference.asText()));
        return references.isEmpty() ? List.of(example.completion().strip()) : references;
    }

    private static Optional<String> answer(ObjectNode line) {
        return line.has("answer") ? Optional.of(line.path("answer").asText()) : Optional.empty();
    }
}
