package io.tidemark.stream;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import io.tidemark.stream.serving.ServingLifecycle;
import io.tidemark.stream.serving.ServingLifecycle.Phase;
import jakarta.inject.Inject;

/**
 * What {@code tidemark serve} gives to {@link Quarkus#run(Class, String...)}, once the properties {@code tidemark.*} and
 * {@code kafka.bootstrap.servers} are set. Runs until the process is told to stop; the exit code is 1 when the start
 * has failed.
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
