package io.tidemark.stream;

import io.smallrye.config.SmallRyeConfigBuilder;
import io.tidemark.stream.settings.TidemarkSettings;
import java.util.HashMap;
import java.util.Map;

/** Settings without Quarkus: the defaults, overridden by the values of a test. */
public final class TestSettings {

    private TestSettings() {}

    public static TidemarkSettings with(Map<String, String> values) {
        Map<String, String> all = new HashMap<>(Map.of("tidemark.model.dir", BrokerResource.MODEL));
        all.putAll(values);
        return new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withMapping(TidemarkSettings.class)
                .withDefaultValues(all)
                .build()
                .getConfigMapping(TidemarkSettings.class);
    }
}
