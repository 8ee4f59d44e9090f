package io.tidemark.stream.health;

import io.tidemark.stream.serving.ServingLifecycle;
import io.tidemark.stream.serving.ServingPhase;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Startup;

/** Startup: up when the model is loaded and the services run. */
@Startup
@ApplicationScoped
class StartedCheck implements HealthCheck {

    private final ServingLifecycle serving;

    @Inject
    StartedCheck(ServingLifecycle serving) {
        this.serving = serving;
    }

    @Override
    public HealthCheckResponse call() {
        return HealthCheckResponse.named("tidemark-started")
                .status(serving.phase() == ServingPhase.READY || serving.phase() == ServingPhase.STOPPING)
                .build();
    }
}
