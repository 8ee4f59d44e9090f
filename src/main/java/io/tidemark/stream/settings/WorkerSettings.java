package io.tidemark.stream.settings;

import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.NotBlank;
import java.time.Duration;

/** {@code tidemark.worker.*}: the role that answers requests. */
public interface WorkerSettings {

    /** The consumer group that shares the requests. */
    @WithDefault("tidemark-workers")
    @NotBlank
    String group();

    /** After SIGTERM: how long running requests may take to finish before they are handed back. */
    @WithDefault("20S")
    Duration shutdownGrace();
}
