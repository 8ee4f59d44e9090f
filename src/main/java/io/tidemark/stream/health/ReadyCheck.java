package io.tidemark.stream.health;

import io.tidemark.stream.serving.ServingLifecycle;
import io.tidemark.stream.serving.ServingLifecycle.Phase;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Readiness;

/** Readiness: up while the services run and Kafka responds, from the end of the start to the begin of the shutdown. */
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
                .status(serving.phase() == Phase.READY && serving.disruption().isEmpty())
                .withData("phase", serving.phase().name());
        serving.disruption().ifPresent(why -> response.withData("trouble", why));
        return response.build();
    }
}
