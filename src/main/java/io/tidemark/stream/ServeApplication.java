package io.tidemark.stream;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import io.tidemark.stream.serving.Phase;
import io.tidemark.stream.serving.ServingLifecycle;
import jakarta.inject.Inject;

/**
 * The Quarkus application of {@code tidemark serve}, for {@link Quarkus#run(Class, String...)}. Runs until the process
 * is stopped. The exit code is 1 after a failure.
 */
public class ServeApplication implements QuarkusApplication {

    private final ServingLifecycle serving;

    @Inject
    ServeApplication(ServingLifecycle serving) {
        this.serving = serving;
    }

    @Override
    public int run(String... arguments) {
        Quarkus.waitForExit();
        return serving.phase() == Phase.FAILED ? 1 : 0;
    }
}
