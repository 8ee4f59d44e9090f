package io.tidemark.stream.settings;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.client.Cluster;
import io.tidemark.stream.TestSettings;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Texts of objects, which can get into a log or an error. {@code KafkaConnectionTest} has the other one. */
class CredentialsTest {

    @Test
    @DisplayName("The text of the settings has no credentials")
    void settings() {
        String text = TestSettings.with(Map.of("kafka.sasl.jaas.config", "password=secret", "tidemark.worker-id", "w"))
                .toString();
        assertThat(text).doesNotContain("secret");
    }

    @Test
    @DisplayName("The text of a client's cluster has its address and no properties")
    void cluster() {
        assertThat(new Cluster("broker:9092", Map.of("sasl.jaas.config", "password=secret")))
                .hasToString("Cluster[brokers=broker:9092]");
    }
}
