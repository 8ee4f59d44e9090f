package io.tidemark.stream.tables;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.stream.topics.KafkaConnection;
import io.tidemark.stream.topics.KafkaThread;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A follower without the right to read its topic")
class UnauthorizedFollowerTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final TopicFollower.Limits LIMITS = new TopicFollower.Limits(TIMEOUT, TIMEOUT);
    private static final String TOPIC = "boundaries";

    @Test
    @DisplayName(
            "Says so with the topic and what to do, does not start without the right, and continues when it has it")
    void deniedTopic() throws Exception {
        Map<String, String> authorizer = Map.of(
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found",
                "true");
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.temporary(authorizer))) {
            KafkaConnection kafka = new KafkaConnection(Map.of("bootstrap.servers", broker.bootstrapServers()));
            KafkaThread thread = KafkaThread.named("follower", kafka);
            try (Admin admin = kafka.newAdmin()) {
                admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1)))
                        .all()
                        .get();
                try (TopicFollower follower = TopicFollower.ofTable(thread, TOPIC, LIMITS, record -> {})) {
                    AclBinding denied = new AclBinding(
                            new ResourcePattern(ResourceType.TOPIC, TOPIC, PatternType.LITERAL),
                            new AccessControlEntry("User:*", "*", AclOperation.READ, AclPermissionType.DENY));
                    admin.createAcls(List.of(denied)).all().get();
                    Awaitility.await()
                            .atMost(TIMEOUT)
                            .untilAsserted(() -> assertThat(follower.disruption())
                                    .get()
                                    .asString()
                                    .contains("topic 'boundaries' can't be read: not authorized", "kafka-acls.sh"));
                    assertThat(follower.isAlive()).isTrue();
                    assertThatThrownBy(() -> TopicFollower.ofTable(thread, TOPIC, LIMITS, record -> {}))
                            .isInstanceOf(TopicAuthorizationException.class);
                    admin.deleteAcls(List.of(denied.toFilter())).all().get();
                    Awaitility.await()
                            .atMost(TIMEOUT)
                            .until(() -> follower.disruption().isEmpty());
                }
            }
        }
    }
}
