package io.tidemark.stream.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.smallrye.config.ConfigValidationException;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A setting of an earlier build")
class RemovedSettingsTest {

    @Test
    @DisplayName("Has no effect on the start, and a misspelled setting still stops it")
    void ignored() {
        assertThat(settings("tidemark.topics.adapters").topics().calibrationState())
                .isEqualTo("calibration-state");
        assertThatThrownBy(() -> settings("tidemark.topics.adapter"))
                .isInstanceOf(ConfigValidationException.class)
                .hasMessageContaining("tidemark.topics.adapter ");
    }

    private static TidemarkSettings settings(String name) {
        return new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .addDiscoveredCustomizers()
                .withMapping(TidemarkSettings.class)
                .withSources(
                        new PropertiesConfigSource(Map.of("tidemark.model.dir", "models/base", name, "x"), "test", 100))
                .build()
                .getConfigMapping(TidemarkSettings.class);
    }
}
