package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A client's cluster")
class ClusterTest {

    @Test
    @DisplayName("The text has the address and no properties, which can be credentials")
    void textHasNoCredentials() {
        assertThat(new Cluster("broker:9092", Map.of("sasl.jaas.config", "password=secret")))
                .hasToString("Cluster[brokers=broker:9092]");
    }
}
