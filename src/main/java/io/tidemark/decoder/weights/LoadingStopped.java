package io.tidemark.decoder.weights;

import java.nio.file.Path;

/** Weights were not loaded to their end, because the thread that loads them was interrupted: nobody wants them any more. */
public final class LoadingStopped extends RuntimeException {

    private static final long serialVersionUID = 1L;

    LoadingStopped(Path source) {
        super("the loading of " + source + " was stopped");
    }
}
