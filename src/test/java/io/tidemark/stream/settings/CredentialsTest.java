package io.tidemark.stream.settings;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.TestSettings;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The text of an object can get into a log or an error. */
class CredentialsTest {

    @Test
    @DisplayName("The text of the settings has no credentials")
    void settings() {
        String text = TestSettings.with(Map.of("kafka.sasl.jaas.config", "password=secret", "tidemark.worker-id", "w"))
                .toString();
        assertThat(text).doesNotContain("secret");
    }
}
