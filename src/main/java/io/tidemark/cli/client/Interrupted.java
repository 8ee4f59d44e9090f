package io.tidemark.cli.client;

import io.tidemark.cli.CommandFailed;

/** A wait was interrupted: the thread keeps its flag, and the command ends. */
final class Interrupted {

    private Interrupted() {}

    static CommandFailed asFailure(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new CommandFailed("interrupted", e);
    }
}
