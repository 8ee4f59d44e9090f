package io.tidemark.adapter.source;

import io.tidemark.adapter.source.SourceException.Failure;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/** Writes the files of downloads. A test replaces it to fill the disk. */
@FunctionalInterface
interface Disk {

    /** A file that is being written. */
    interface Output extends Closeable {

        void write(byte[] bytes, int length) throws IOException;

        /** Returns when the disk has what was written. */
        void sync() throws IOException;
    }

    /** Opens a file to be written from an offset; what it has beyond the offset is removed. */
    Output open(Path file, long offset) throws IOException;

    /** The file system. */
    static Disk system() {
        return (path, offset) -> {
            // a link would lead the bytes out of the folder
            if (offset == 0) {
                Files.deleteIfExists(path);
            }
            FileChannel file = FileChannel.open(
                    path, StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
            try {
                file.truncate(offset).position(offset);
            } catch (IOException e) {
                file.close();
                throw e;
            }
            return new Output() {
                @Override
                public void write(byte[] bytes, int length) throws IOException {
                    ByteBuffer rest = ByteBuffer.wrap(bytes, 0, length);
                    while (rest.hasRemaining()) {
                        file.write(rest);
                    }
                }

                @Override
                public void sync() throws IOException {
                    file.force(true);
                }

                @Override
                public void close() throws IOException {
                    file.close();
                }
            };
        };
    }

    /**
     * The failure of a source whose files can't be written or read in the cache folder.
     *
     * @param source the source or the digest of the adapter
     */
    static SourceException failure(Object source, IOException cause) {
        String text = String.valueOf(cause.getMessage()).toLowerCase(Locale.ROOT);
        // Java has no type of exception for it
        if (text.contains("no space left") || text.contains("quota exceeded")) {
            return new SourceException(
                    Failure.DISK_FULL,
                    "source '" + source + "': the disk of tidemark.sources.cache-dir is full; make room, or set"
                            + " tidemark.sources.cache-bytes below the size of the disk",
                    cause);
        }
        return new SourceException(
                Failure.UNREADABLE,
                "source '" + source + "': the folder of tidemark.sources.cache-dir can't be used (" + cause
                        + "); check the path and the rights of the process",
                cause);
    }
}
