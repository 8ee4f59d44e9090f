package io.tidemark.cli.file;

import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.FailureText;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Where the requests come from; the text of an input names it in messages. */
public sealed interface RequestInput {

    /** The number of lines that are not blank; -1 if it is not known. */
    long count(Optional<Journal.State> state);

    InputStream open() throws IOException;

    /** Whether this is the same file as the output. */
    boolean isSameFile(Path output) throws IOException;

    /** What a later run needs beside the same command, for messages. */
    String again();

    /** @param output what distinguishes the output of this run */
    LineIds ids(String output);

    /** A file, or a named pipe. */
    record Named(Path path) implements RequestInput {

        /** @throws CommandException when lines that an earlier run has read have changed */
        @Override
        public long count(Optional<Journal.State> state) {
            if (!Files.isRegularFile(path)) {
                return -1;
            }
            long read = state.map(Journal.State::lines).orElse(0L);
            long count = 0;
            String digest = "";
            try (InputStream in = open()) {
                ByteLines lines = new ByteLines(in, 1);
                while (lines.next()) {
                    count += lines.isBlank() ? 0 : 1;
                    digest = lines.number() == read ? lines.digest() : digest;
                }
            } catch (IOException e) {
                throw new CommandException(path + " cannot be read: " + FailureText.oneLine(e), e);
            }
            if (read > 0 && !digest.equals(state.get().digest())) {
                throw new CommandException("the first " + read + " lines of " + path
                        + " have changed since the run that this one continues; restore them, or name another output");
            }
            return count;
        }

        @Override
        public InputStream open() {
            try {
                return Files.newInputStream(path);
            } catch (IOException e) {
                throw new CommandException(path + " cannot be read: " + FailureText.oneLine(e), e);
            }
        }

        @Override
        public boolean isSameFile(Path output) throws IOException {
            return Files.exists(path) && Files.exists(output) && Files.isSameFile(path, output);
        }

        @Override
        public String again() {
            return "";
        }

        @Override
        public LineIds ids(String output) {
            return LineIds.of(path);
        }

        @Override
        public String toString() {
            return path.toString();
        }
    }

    /** A stream such as stdin, which is read once. */
    record Stream(InputStream in) implements RequestInput {

        @Override
        public long count(Optional<Journal.State> state) {
            return -1;
        }

        @Override
        public InputStream open() {
            return in;
        }

        @Override
        public boolean isSameFile(Path output) {
            return false;
        }

        @Override
        public String again() {
            return " with the same lines on stdin";
        }

        @Override
        public LineIds ids(String output) {
            return LineIds.ofStdin(output);
        }

        @Override
        public String toString() {
            return "stdin";
        }
    }
}
