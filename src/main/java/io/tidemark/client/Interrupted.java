package io.tidemark.client;

/** A wait was interrupted: the thread keeps its flag, and the command ends. */
final class Interrupted {

    private Interrupted() {}

    static ClientException asFailure(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new ClientException("interrupted", e);
    }
}
