package io.tidemark.cli.file;

import java.io.IOException;

/** Receives the results of lines as they come, one call at a time, on threads of the client and of the command. */
@FunctionalInterface
public interface ResultSink {

    /** Returns when the result survives the end of this process. */
    void write(LineResult result) throws IOException;

    /** Returns when all results survive the end of the machine, if they can. */
    default void force() throws IOException {}
}
