package io.tidemark.stream.settings;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.WithDefault;

/** {@code tidemark.limits.*}: what a request may ask for. */
public interface LimitSettings {

    /** A request record above this is refused unparsed; at most 4 MiB, as much as the topic takes. */
    @WithDefault("1M")
    MemorySize requestBytes();
}
