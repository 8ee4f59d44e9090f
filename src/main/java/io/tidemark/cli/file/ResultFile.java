package io.tidemark.cli.file;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.FailureText;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * A file of results that a later run continues: each line is the result of one line of the input. A line is written to
 * the operating system at once, so the end of the process loses none. A process that is killed may leave an unfinished
 * last line, which the next run removes. A line that could not be written is removed, and none follows. The file is
 * locked while it is open.
 */
final class ResultFile implements ResultSink, AutoCloseable {

    /** A result has at most 5 MiB. */
    private static final int MAX_LINE_BYTES = 8 << 20;

    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final Path path;
    private final FileChannel channel;
    private long results;
    private long errors;

    /** Why a write has failed. Nothing is written behind a line that may be incomplete. */
    private Optional<IOException> failure = Optional.empty();

    ResultFile(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /**
     * Opens or creates a file, and finds the ids that have a result.
     *
     * @throws CommandException when the file cannot be written, another process writes it, or it has other lines than
     *     results
     */
    static ResultFile open(Path path, FinishedIds finished) {
        Path parent = path.toAbsolutePath().getParent();
        if (parent != null && !Files.isDirectory(parent)) {
            throw new CommandException(path + " cannot be written: there is no folder " + parent);
        }
        ResultFile file = null;
        try {
            file = new ResultFile(
                    path,
                    FileChannel.open(
                            path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE));
            file.lock();
            file.readResults(finished);
            return file;
        } catch (IOException e) {
            close(file);
            throw new CommandException(path + " cannot be written: " + FailureText.oneLine(e), e);
        } catch (RuntimeException e) {
            close(file);
            throw e;
        }
    }

    private static void close(ResultFile file) {
        try {
            if (file != null) {
                file.close();
            }
        } catch (IOException e) {
            // the failure before this one is reported
        }
    }

    private void lock() throws IOException {
        boolean locked;
        try {
            locked = channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            locked = false;
        }
        if (!locked) {
            throw new CommandException(path + " is written by another process; wait for its end, or use another file");
        }
    }

    private void readResults(FinishedIds finished) throws IOException {
        ByteLines lines = new ByteLines(Channels.newInputStream(channel), MAX_LINE_BYTES);
        while (lines.next()) {
            Optional<JsonNode> line = json(lines);
            if (line.isEmpty() && !lines.isTerminated() && isBeginning(lines.bytes())) {
                channel.truncate(lines.start());
                break;
            }
            JsonNode result = line.orElseThrow(() -> noResult(lines));
            LineFormat format = LineFormat.ofOutput(result);
            if (format.id(result).isEmpty()) {
                throw noResult(lines);
            }
            if (finished.finish(format.id(result))) {
                results++;
                errors += format.isError(result) ? 1 : 0;
            }
            if (!lines.isTerminated()) {
                channel.position(channel.size());
                append("\n");
                break;
            }
        }
        channel.position(channel.size());
    }

    /** Whether a run that ended may have left it: results are objects, and blocks that were not written are zeros. */
    private static boolean isBeginning(byte[] line) {
        return line[0] == '{' || line[0] == 0;
    }

    /** Parses a line; empty if it is not a JSON object. */
    private static Optional<JsonNode> json(ByteLines line) throws IOException {
        try {
            return Optional.of(JSON.readTree(line.bytes())).filter(node -> node.isObject() && !line.isTooLong());
        } catch (JacksonException | java.io.CharConversionException e) {
            return Optional.empty();
        }
    }

    private CommandException noResult(ByteLines lines) {
        return new CommandException(path + ":" + lines.number()
                + " is not a result of 'send --file', so nothing is sent; name another output");
    }

    @Override
    public synchronized void write(LineResult result) throws IOException {
        if (failure.isPresent()) {
            throw failure.get();
        }
        long end = channel.position();
        try {
            append(result.json() + "\n");
        } catch (IOException e) {
            failure = Optional.of(e);
            removeFrom(end);
            throw e;
        }
        results++;
        errors += result.isError() ? 1 : 0;
    }

    private void removeFrom(long end) {
        try {
            channel.truncate(end);
        } catch (IOException e) {
            // the next run removes the unfinished line
        }
    }

    private void append(String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    @Override
    public void force() throws IOException {
        channel.force(false);
    }

    /** How many results the file has, errors included. */
    synchronized long results() {
        return results;
    }

    synchronized long errors() {
        return errors;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
