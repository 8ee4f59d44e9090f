package io.tidemark.stream.settings;

import io.smallrye.config.ConfigSourceContext;
import io.smallrye.config.ConfigSourceFactory;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.PropertiesConfigSource;
import java.util.List;
import java.util.Map;
import org.eclipse.microprofile.config.spi.ConfigSource;

/** Disables the channel of requests where {@code tidemark.role} is {@code calibrator}. */
public final class RoleConfigSource implements ConfigSourceFactory {

    /** Above application.properties (250), below environment variables (300). */
    private static final int ORDINAL = 260;

    @Override
    public Iterable<ConfigSource> getConfigSources(ConfigSourceContext context) {
        ConfigValue role = context.getValue("tidemark.role");
        boolean calibratorOnly = role != null && "calibrator".equalsIgnoreCase(role.getValue());
        return List.of(new PropertiesConfigSource(
                Map.of("mp.messaging.incoming.generation-requests.enabled", Boolean.toString(!calibratorOnly)),
                "tidemark-role",
                ORDINAL));
    }
}
