package io.tidemark.stream.settings;

import io.smallrye.config.WithDefault;
import java.time.Duration;

/** {@code tidemark.tables.*}: the compacted topics that are read to their end before readiness. */
public interface TableSettings {

    /** How long the first reading may take before the start is given up. */
    @WithDefault("60S")
    Duration loadTimeout();
}
