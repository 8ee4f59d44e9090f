package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.lang.reflect.Constructor;
import java.lang.reflect.Proxy;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.DescribeConfigsResult;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.FeatureUpdate.UpgradeType;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.ConfigResource.Type;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.internals.KafkaFutureImpl;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The check of the cluster's settings")
class ClusterSettingsTest {

    @Test
    @DisplayName("Has nothing to report of the defaults, and refuses a cluster with an older version of transactions")
    void versions() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                Admin admin = admin(broker)) {
            assertThat(ClusterSettings.warnings(admin, true)).isEmpty();
            admin.updateFeatures(
                            Map.of("transaction.version", new FeatureUpdate((short) 1, UpgradeType.SAFE_DOWNGRADE)),
                            new UpdateFeaturesOptions())
                    .all()
                    .get();
            Awaitility.await()
                    .untilAsserted(() -> assertThatThrownBy(() -> ClusterSettings.warnings(admin, false))
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessageContaining("its feature transaction.version is 1, and 2 is required")
                            .hasMessageContaining("kafka-features.sh upgrade --feature transaction.version=2"));
        }
    }

    @Test
    @DisplayName("Refuses brokers with less than is required, and names each setting, its value and the broker")
    void required() {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.temporary(
                        Map.of("offset.metadata.max.bytes", "1024", "transaction.max.timeout.ms", "5000")));
                Admin admin = admin(broker)) {
            assertThatThrownBy(() -> ClusterSettings.warnings(admin, true))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("broker 1 has offset.metadata.max.bytes 1024, and 4096 or more is required")
                    .hasMessageContaining("broker 1 has transaction.max.timeout.ms 5000, and 10000 or more is");
            assertThatThrownBy(() -> ClusterSettings.warnings(admin, false))
                    .as("a calibrator commits little metadata")
                    .hasMessageNotContaining("offset.metadata.max.bytes");
        }
    }

    @Test
    @DisplayName("Reports a short retention of offsets, and accepts it")
    void advised() {
        try (EmbeddedBroker broker =
                        EmbeddedBroker.start(BrokerOptions.temporary(Map.of("offsets.retention.minutes", "60")));
                Admin admin = admin(broker)) {
            assertThat(ClusterSettings.warnings(admin, true))
                    .singleElement()
                    .asString()
                    .contains("broker 1 has offsets.retention.minutes 60, and 10080 or more is advised");
        }
    }

    @Test
    @DisplayName("Reports that the settings of brokers can't be checked without the right, and accepts the cluster")
    void notAuthorized() {
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
                Admin admin = admin(broker)) {
            Admin denied = (Admin) Proxy.newProxyInstance(
                    getClass().getClassLoader(), new Class<?>[] {Admin.class}, (proxy, method, arguments) -> {
                        if (method.getName().equals("describeConfigs")) {
                            Constructor<DescribeConfigsResult> result =
                                    DescribeConfigsResult.class.getDeclaredConstructor(Map.class);
                            result.setAccessible(true);
                            KafkaFutureImpl<Config> failed = new KafkaFutureImpl<>();
                            failed.completeExceptionally(
                                    new ClusterAuthorizationException("Cluster authorization failed."));
                            return result.newInstance(Map.of(new ConfigResource(Type.BROKER, "1"), failed));
                        }
                        return method.invoke(admin, arguments);
                    });
            assertThat(ClusterSettings.warnings(denied, true))
                    .singleElement()
                    .asString()
                    .contains("DESCRIBE_CONFIGS on the cluster")
                    .contains("offset.metadata.max.bytes should be at least 4096");
        }
    }

    private static Admin admin(EmbeddedBroker broker) {
        return Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
    }
}
