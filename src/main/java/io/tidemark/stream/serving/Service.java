package io.tidemark.stream.serving;

import java.util.Optional;

/** A part of a serving process. It runs when it has been opened. Methods may be called by any thread. */
interface Service extends AutoCloseable {

    /** Accepts no more work. What has been accepted continues until {@link #close}. */
    default void stop() {}

    /** A failure that only a restart of the process resolves. */
    default Optional<String> failure() {
        return Optional.empty();
    }

    /** Why the service does not work at the moment, if that may resolve itself. */
    default Optional<String> disruption() {
        return Optional.empty();
    }

    /** Abandons all work, because the process has failed: {@link #close} then does not wait for it. */
    default void crash() {}

    /** Ends the work in order, and frees what the service has opened. */
    @Override
    void close();
}
