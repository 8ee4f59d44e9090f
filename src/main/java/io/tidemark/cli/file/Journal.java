package io.tidemark.cli.file;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.FailureText;
import io.tidemark.message.TopicJson;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * The small file {@code OUTPUT.run} beside an output that is not complete. With it, the next run finds the requests on
 * the request topic that were sent and have no line in the output. Used by one thread.
 */
final class Journal {

    private final Path path;
    private State state;
    private final boolean continues;

    private Journal(Path path, State state, boolean continues) {
        this.path = path;
        this.state = state;
        this.continues = continues;
    }

    /**
     * The contents of the file.
     *
     * @param run    a header of all requests of this output has it
     * @param input  the prefix of the ids of lines
     * @param since  every request that has no line in the output was sent at this time or later
     * @param lines  how many lines of the input were read
     * @param digest the SHA-256 of these lines
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    record State(String run, String input, Instant since, long lines, String digest) {}

    /**
     * Opens the journal of an output, or starts one.
     *
     * @param isNew whether the output did not exist before; an old journal is replaced then
     * @throws CommandException when the journal cannot be read or written, or belongs to another input
     */
    static Journal open(Path output, LineIds input, boolean isNew, Instant now) {
        Path path = output.resolveSibling(output.getFileName() + ".run");
        Optional<State> found = isNew ? Optional.empty() : read(path);
        found.filter(state -> !state.input().equals(input.prefix())).ifPresent(state -> {
            throw new CommandException(output + " has results of another input: '" + path
                    + "' says that the ids of its lines begin with '" + state.input() + "', not '" + input.prefix()
                    + "'; name another output");
        });
        State state = found.orElseGet(() -> new State(UUID.randomUUID().toString(), input.prefix(), now, 0, ""));
        Journal journal = new Journal(path, state, found.isPresent());
        journal.save();
        return journal;
    }

    private static Optional<State> read(Path path) {
        try {
            return Files.exists(path)
                    ? Optional.of(TopicJson.read(Files.readAllBytes(path), State.class))
                    : Optional.empty();
        } catch (IOException | IllegalArgumentException e) {
            throw new CommandException(
                    path + " cannot be read: " + FailureText.oneLine(e)
                            + "; without it, requests that were sent and have no result are sent again",
                    e);
        }
    }

    State state() {
        return state;
    }

    /** Whether an earlier run has written it. */
    boolean continues() {
        return continues;
    }

    void save(Instant since, long lines, String digest) {
        // a continued run reads the lines of the earlier one again
        boolean further = lines >= state.lines();
        state = new State(
                state.run(), state.input(), since, further ? lines : state.lines(), further ? digest : state.digest());
        save();
    }

    private void save() {
        Path next = path.resolveSibling(path.getFileName() + ".next");
        try {
            write(next, TopicJson.write(state));
            Files.move(next, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new CommandException(path + " cannot be written: " + FailureText.oneLine(e), e);
        }
    }

    /** Reaches the disk before the old journal is replaced, so that a loss of power leaves one of them. */
    private static void write(Path path, byte[] bytes) throws IOException {
        try (FileChannel channel = FileChannel.open(
                path, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            ByteBuffer left = ByteBuffer.wrap(bytes);
            while (left.hasRemaining()) {
                channel.write(left);
            }
            channel.force(true);
        }
    }

    Path path() {
        return path;
    }

    /** The output is complete. */
    void delete() throws IOException {
        Files.deleteIfExists(path);
    }
}
