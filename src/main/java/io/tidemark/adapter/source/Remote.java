package io.tidemark.adapter.source;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/** The files of one adapter on a server. Used by one thread. */
interface Remote {

    /**
     * Where a download goes on.
     *
     * @param version of the file whose first bytes are present, as {@link File#version} gave it
     */
    record Resume(long offset, String version) {}

    /**
     * Opens a file. Begins at the offset if the file still has the version, otherwise at 0.
     *
     * @param wait longest time until the server answers
     * @throws SourceException if the server has no such file, or refuses it
     * @throws IOException if the server can't be reached
     */
    File open(String name, Optional<Resume> resume, Duration wait) throws IOException;

    /** Whether there is a file of this name. */
    boolean has(String name, Duration wait) throws IOException;

    /**
     * An open file. {@link #close} may be called by any thread, and ends a read of another.
     *
     * @param body the bytes from the offset on
     * @param size of the whole file, if the server says it
     * @param version changes with the content; absent if a download can't go on later
     * @param sha256 of the whole file in hex, if the source determines it
     */
    record File(
            InputStream body,
            long offset,
            OptionalLong size,
            Optional<String> version,
            Optional<String> sha256,
            Closeable connection)
            implements Closeable {

        @Override
        public void close() {
            try {
                connection.close();
            } catch (IOException e) {
                // a connection that can't be closed is one that is broken
                return;
            }
        }
    }
}
