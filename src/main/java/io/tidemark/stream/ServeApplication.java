package io.tidemark.stream;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import io.tidemark.stream.serving.ServingLifecycle;
import io.tidemark.stream.serving.ServingPhase;
import jakarta.inject.Inject;

/**
 * The Quarkus application of {@code tidemark serve}, for {@link Quarkus#run(Class, String...)}. Runs until the process
 * is stopped. The exit code is 1 after a failure.
 */
public class ServeApplication implements QuarkusApplication {

    private final ServingLifecycle serving;

    /** Thrown by {@link #run} if the start has failed, so that the reason is the last line of stderr. */
    private static final class StartFailedException extends RuntimeException {

        private static final long serialVersionUID = 1;

        StartFailedException(String reason) {
            super(reason);
        }
    }

    @Inject
    ServeApplication(ServingLifecycle serving) {
        this.serving = serving;
    }

    @Override
    public int run(String... arguments) {
        Quarkus.waitForExit();
        serving.startFailure().ifPresent(reason -> {
            throw new StartFailedException(reason);
        });
        return serving.phase() == ServingPhase.FAILED ? 1 : 0;
    }
}
