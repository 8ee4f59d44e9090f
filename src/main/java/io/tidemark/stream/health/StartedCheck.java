package io.tidemark.stream.health;

import io.tidemark.stream.serving.ServingLifecycle;
import io.tidemark.stream.serving.ServingPhase;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Startup;

/** Startup: up when the model is loaded and the services run. Before that, it names what the start waits for. */
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
        ServingPhase phase = serving.phase();
        boolean started = phase == ServingPhase.READY || phase == ServingPhase.STOPPING;
        HealthCheckResponseBuilder response =
                HealthCheckResponse.named("tidemark-started").status(started).withData("phase", phase.name());
        if (!started) {
            serving.startFailure().or(serving::disruption).ifPresent(why -> response.withData("trouble", why));
        }
        return response.build();
    }
}
