package io.tidemark.cli.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.message.ErrorBody;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A file of results")
class ResultFileTest {

    private static final ErrorBody ERROR = ErrorBody.invalidRequest("c", "p", "m");

    @TempDir
    private Path folder;

    private Path path;
    private FinishedIds finished;

    @BeforeEach
    void name() {
        path = folder.resolve("out.jsonl");
        finished = new FinishedIds(new LineIds("in:0:"));
    }

    @Test
    @DisplayName("has the results that were written before, and their errors")
    void continues() throws Exception {
        try (ResultFile file = ResultFile.open(path, finished)) {
            file.write(new LineResult.Refused("in:0:4", LineFormat.TIDEMARK, ERROR));
            file.write(new LineResult.Refused("mine", LineFormat.OPENAI, ERROR));
        }
        Files.writeString(path, Files.readString(path) + "{\"id\":\"ok\",\"object\":\"text_completion\"}\n");
        try (ResultFile file = ResultFile.open(path, finished)) {
            assertThat(file.results()).isEqualTo(3);
            assertThat(file.errors()).isEqualTo(2);
            assertThat(finished.isFinished("in:0:4")).isTrue();
            assertThat(finished.isFinished("mine")).isTrue();
            assertThat(finished.isFinished("ok")).isTrue();
            assertThat(finished.isFinished("in:0:5")).isFalse();
        }
    }

    @Test
    @DisplayName("cut at any byte of its last line keeps the lines before, and the next result is a line of its own")
    void unfinishedLastLine() throws Exception {
        String first = "{\"id\":\"a\",\"object\":\"text_completion\"}\n";
        String last = "{\"id\":\"b\",\"object\":\"text_completion\",\"text\":\"ö\"}";
        byte[] bytes = last.getBytes(StandardCharsets.UTF_8);
        for (int length = 0; length <= bytes.length; length++) {
            FinishedIds ids = new FinishedIds(new LineIds("in:0:"));
            Files.write(path, first.getBytes(StandardCharsets.UTF_8));
            Files.write(path, Arrays.copyOf(bytes, length), StandardOpenOption.APPEND);
            try (ResultFile file = ResultFile.open(path, ids)) {
                file.write(new LineResult.Refused("c", LineFormat.TIDEMARK, ERROR));
            }
            boolean whole = length == bytes.length;
            assertThat(ids.isFinished("b")).isEqualTo(whole);
            assertThat(Files.readString(path))
                    .startsWith(first + (whole ? last + "\n" : "") + "{\"id\":\"c\"")
                    .endsWith("}\n");
        }
    }

    @Test
    @DisplayName("is not touched if it has other lines, or another process writes it")
    void refuses() throws Exception {
        Files.writeString(path, "{\"prompt\":\"a\"}\n");
        assertThatThrownBy(() -> ResultFile.open(path, finished)).hasMessageContaining("out.jsonl:1 is not a result");
        assertThat(Files.readString(path)).isEqualTo("{\"prompt\":\"a\"}\n");
        Files.writeString(path, "no JSON\n{\"id\":\"a\"}\n");
        assertThatThrownBy(() -> ResultFile.open(path, finished)).hasMessageContaining("out.jsonl:1 is not a result");
        Files.delete(path);
        try (ResultFile first = ResultFile.open(path, finished)) {
            assertThatThrownBy(() -> ResultFile.open(path, finished)).hasMessageContaining("another process");
        }
    }

    @Test
    @DisplayName("is not a file of requests with ids: these are no results")
    void requestsAreNoResults() throws Exception {
        for (String request : List.of(
                "{\"id\":\"a\",\"prompt\":\"p\"}\n",
                "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{}}\n")) {
            Files.writeString(path, request);
            assertThatThrownBy(() -> ResultFile.open(path, finished))
                    .hasMessageContaining("out.jsonl:1 is not a result");
            assertThat(finished.isFinished("a")).isFalse();
        }
    }

    @Test
    @DisplayName("loses no line without a line feed that is not the beginning of a result")
    void keepsOtherText() throws Exception {
        Files.writeString(path, "a note without a line feed");
        assertThatThrownBy(() -> ResultFile.open(path, finished)).hasMessageContaining("out.jsonl:1 is not a result");
        assertThat(Files.readString(path)).isEqualTo("a note without a line feed");
    }

    @Test
    @DisplayName("has no part of a line that could not be written, and no line behind it")
    void fullDisk() throws Exception {
        FullDisk disk = new FullDisk(FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE));
        String first;
        try (ResultFile file = new ResultFile(path, disk)) {
            file.write(new LineResult.Refused("a", LineFormat.TIDEMARK, ERROR));
            first = Files.readString(path);
            disk.free = 10;
            for (String id : List.of("b", "c")) {
                assertThatThrownBy(() -> file.write(new LineResult.Refused(id, LineFormat.TIDEMARK, ERROR)))
                        .hasMessageContaining("No space left");
                disk.free = 1000;
            }
        }
        assertThat(Files.readString(path)).isEqualTo(first).endsWith("}\n");
        try (ResultFile file = ResultFile.open(path, finished)) {
            assertThat(file.results()).isEqualTo(1);
        }
    }

    /**
     * Has a number of bytes left; the write that exceeds it writes a part. Methods that a result file must not call
     * throw an exception.
     */
    private static final class FullDisk extends FileChannel {

        private final FileChannel file;
        private int free = 1000;

        private FullDisk(FileChannel file) {
            this.file = file;
        }

        @Override
        public int write(ByteBuffer bytes) throws IOException {
            if (free == 0) {
                throw new IOException("No space left on device");
            }
            ByteBuffer part = bytes.slice(bytes.position(), Math.min(free, bytes.remaining()));
            int written = file.write(part);
            bytes.position(bytes.position() + written);
            free -= written;
            return written;
        }

        @Override
        public FileChannel truncate(long size) throws IOException {
            return file.truncate(size);
        }

        @Override
        public long position() throws IOException {
            return file.position();
        }

        @Override
        protected void implCloseChannel() throws IOException {
            file.close();
        }

        @Override
        public int read(ByteBuffer bytes) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long read(ByteBuffer[] bytes, int offset, int length) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long write(ByteBuffer[] bytes, int offset, int length) {
            throw new UnsupportedOperationException();
        }

        @Override
        public FileChannel position(long position) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long size() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void force(boolean metaData) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long transferTo(long position, long count, WritableByteChannel target) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long transferFrom(ReadableByteChannel source, long position, long count) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int read(ByteBuffer bytes, long position) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int write(ByteBuffer bytes, long position) {
            throw new UnsupportedOperationException();
        }

        @Override
        public MappedByteBuffer map(MapMode mode, long position, long size) {
            throw new UnsupportedOperationException();
        }

        @Override
        public FileLock lock(long position, long size, boolean shared) {
            throw new UnsupportedOperationException();
        }

        @Override
        public FileLock tryLock(long position, long size, boolean shared) {
            throw new UnsupportedOperationException();
        }
    }

    @Test
    @DisplayName("finds each of 100,000 ids, and no other")
    void manyIds() {
        IntStream.range(0, 100_000).forEach(i -> finished.finish("id-" + i));
        assertThat(IntStream.range(0, 100_000).allMatch(i -> finished.isFinished("id-" + i)))
                .isTrue();
        assertThat(IntStream.range(100_000, 200_000).noneMatch(i -> finished.isFinished("id-" + i)))
                .isTrue();
        assertThat(finished.read("id-1")).isTrue();
        assertThat(finished.read("id-1")).isFalse();
        assertThat(finished.read("in:0:7")).as("an id of a line").isFalse();
        assertThat(Optional.of(finished.finish("in:0:7"))).contains(true);
    }
}
