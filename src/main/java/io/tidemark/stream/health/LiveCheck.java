package io.tidemark.stream.health;

import io.tidemark.stream.serving.ServingLifecycle;
import io.tidemark.stream.serving.ServingPhase;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Liveness;

/** Liveness: up unless the start or a service has failed. An unreachable cluster does not make it fail. */
@Liveness
@ApplicationScoped
class LiveCheck implements HealthCheck {

    private final ServingLifecycle serving;

    @Inject
    LiveCheck(ServingLifecycle serving) {
        this.serving = serving;
    }

    @Override
    public HealthCheckResponse call() {
        HealthCheckResponseBuilder response = HealthCheckResponse.named("tidemark-live")
                .status(serving.phase() != ServingPhase.FAILED
                        && serving.failure().isEmpty());
        serving.failure().ifPresent(why -> response.withData("broken", why));
        return response.build();
    }
}
