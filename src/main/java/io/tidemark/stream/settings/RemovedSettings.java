package io.tidemark.stream.settings;

import io.smallrye.config.SmallRyeConfigBuilder;
import io.smallrye.config.SmallRyeConfigBuilderCustomizer;
import java.util.Set;

/**
 * Settings of earlier builds that have no effect any more. A process starts although one of them is set; any other
 * unknown setting below {@code tidemark} in a file or a system property stops the start. SmallRye Config finds this
 * class as a service.
 */
public final class RemovedSettings implements SmallRyeConfigBuilderCustomizer {

    /** The topic {@code adapters} was reserved and never used. */
    private static final Set<String> NAMES = Set.of("tidemark.topics.adapters");

    @Override
    public void configBuilder(SmallRyeConfigBuilder builder) {
        NAMES.forEach(builder::withMappingIgnore);
    }
}
