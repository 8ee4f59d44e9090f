package io.tidemark.stream.health;

import io.tidemark.stream.serving.ServingLifecycle;
import io.tidemark.stream.serving.ServingPhase;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Readiness;

/**
 * Readiness: up from the end of the start to the start of the shutdown, except while a service has failed or retries a
 * failed read of a topic.
 */
@Readiness
@ApplicationScoped
class ReadyCheck implements HealthCheck {

    private final ServingLifecycle serving;

    @Inject
    ReadyCheck(ServingLifecycle serving) {
        this.serving = serving;
    }

    @Override
    public HealthCheckResponse call() {
        HealthCheckResponseBuilder response = HealthCheckResponse.named("tidemark-ready")
                .status(serving.phase() == ServingPhase.READY
                        && serving.disruption().isEmpty())
                .withData("phase", serving.phase().name());
        serving.disruption().ifPresent(why -> response.withData("trouble", why));
        return response.build();
    }
}
