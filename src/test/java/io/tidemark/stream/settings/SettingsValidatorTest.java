package io.tidemark.stream.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.smallrye.config.SmallRyeConfigBuilder;
import jakarta.validation.constraints.Pattern;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsValidatorTest {

    @ParameterizedTest(name = "{0} = {1}")
    @CsvSource({
        "tidemark.engine.kv-bytes, 0",
        "tidemark.engine.adapter-bytes, 0",
        "tidemark.engine.packed-lora-bytes, 99999999999999999999",
        "tidemark.engine.prefix-cache, 99999999999999999999",
        "tidemark.limits.request-bytes, 0",
        "tidemark.limits.request-bytes, 5M",
        "tidemark.topics.replication-factor, 0",
        "tidemark.topics.replication-factor, -7",
        "tidemark.topics.generation-requests, 'a,b, a'",
        "tidemark.worker.low-priority-share, -0.1",
        "tidemark.worker.low-priority-share, 0.6",
        "tidemark.worker.low-priority-share, NaN",
        "tidemark.worker.shutdown-grace, -1S",
        "tidemark.tables.load-timeout, 0S",
        "tidemark.tables.max-staleness, 999MS",
        "tidemark.calibrator.tolerance, Infinity"
    })
    @DisplayName("An invalid value is rejected with the name of the property")
    void refused(String property, String value) {
        assertThatThrownBy(() -> SettingsValidator.require(settings(Map.of(property, value))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(property + " must be ");
    }

    @Test
    @DisplayName("A worker id that would not fit into the metadata of an offset is rejected")
    void longWorkerId() {
        assertThatThrownBy(() -> SettingsValidator.require(settings(Map.of("tidemark.worker-id", "ä".repeat(42)))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("tidemark.worker-id must have at most 249 characters");
        assertThatCode(() -> SettingsValidator.require(settings(Map.of("tidemark.worker-id", "w".repeat(249)))))
                .doesNotThrowAnyException();
    }

    @Test
    @DisplayName("The defaults and the extreme values are accepted")
    void taken() {
        assertThatCode(() -> SettingsValidator.require(settings(Map.of()))).doesNotThrowAnyException();
        assertThatCode(() -> SettingsValidator.require(settings(Map.of(
                        "tidemark.worker.shutdown-grace",
                        "0S",
                        "tidemark.limits.request-bytes",
                        "4M",
                        "tidemark.topics.replication-factor",
                        "3"))))
                .doesNotThrowAnyException();
    }

    @Test
    @DisplayName("The tolerance of an objective is one number")
    void objective() throws NoSuchMethodException {
        String pattern = TidemarkSettings.CalibratorSettings.class
                .getMethod("objective")
                .getAnnotation(Pattern.class)
                .regexp();
        assertThat("tolerance:0.02").matches(pattern);
        assertThat("tolerance:.5").matches(pattern);
        assertThat("tolerance").matches(pattern);
        assertThat("tolerance:1.2.3").doesNotMatch(pattern);
        assertThat("tolerance:.").doesNotMatch(pattern);
        assertThat("tolerance:" + "9".repeat(400)).as("infinite as a double").doesNotMatch(pattern);
    }

    private static TidemarkSettings settings(Map<String, String> values) {
        Map<String, String> all = new HashMap<>(values);
        all.put("tidemark.model.dir", "/model");
        return new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withMapping(TidemarkSettings.class)
                .withDefaultValues(all)
                .build()
                .getConfigMapping(TidemarkSettings.class);
    }
}
