package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A calibrator without the right to join its group")
class UnauthorizedCalibratorTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    @Test
    @DisplayName("Says so with the group and what to do, and counts the batch when it has the right")
    void deniedGroup() throws Exception {
        Map<String, String> authorizer = Map.of(
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found",
                "true");
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.temporary(authorizer));
                Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
                CalibratedModel model = new CalibratedModel();
                RunningCalibrator calibrator = new RunningCalibrator(broker, model)) {
            // a running member would notice only at its session timeout
            calibrator.stop();
            AclBinding denied = new AclBinding(
                    new ResourcePattern(ResourceType.GROUP, calibrator.group(), PatternType.LITERAL),
                    new AccessControlEntry("User:*", "*", AclOperation.READ, AclPermissionType.DENY));
            admin.createAcls(List.of(denied)).all().get();
            calibrator.start();
            calibrator.send("b1", 0, 0, 8);
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .untilAsserted(() -> assertThat(calibrator.disruption())
                            .get()
                            .asString()
                            .contains("not authorized", calibrator.group(), "kafka-acls.sh"));
            admin.deleteAcls(List.of(denied.toFilter())).all().get();
            Awaitility.await()
                    .atMost(TIMEOUT)
                    .until(() -> calibrator.disruption().isEmpty());
            calibrator.awaitCommitted(0, 1);
        }
    }
}
