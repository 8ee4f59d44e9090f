package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.message.Provenance.Source;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.management.ObjectName;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The request topic, as a client reads it")
class RequestTopicTest {

    private static final String HEADER = "run";

    private static EmbeddedBroker broker;
    private static Cluster cluster;

    @BeforeAll
    static void start() {
        broker = EmbeddedBroker.start(BrokerOptions.temporary(Map.of(
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found",
                "true")));
        cluster = new Cluster(broker.bootstrapServers());
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    @Test
    @DisplayName("That cannot be read fails with topic and brokers, and leaves no consumer open")
    void closesConsumer() throws Exception {
        Cluster named = new Cluster(cluster.brokers(), Map.of("client.id", "never-begins"));
        for (String prefix : List.of("not a name ", "absent-")) {
            RequestTopic requests = new RequestTopic(named, Topics.withPrefix(prefix));
            assertThatThrownBy(() -> requests.readSince(Instant.EPOCH, HEADER, (id, header, source) -> {}))
                    .isInstanceOf(ClientException.class)
                    .hasMessageContainingAll("topic '" + prefix + "generation-requests'", cluster.brokers());
        }
        assertThat(ManagementFactory.getPlatformMBeanServer()
                        .queryNames(new ObjectName("kafka.consumer:type=app-info,id=never-begins"), null))
                .isEmpty();
    }

    @Test
    @DisplayName("Has the records since a time with the header and a text as id: each with header and position")
    void reads() throws Exception {
        Topics topics = create("reads-");
        Instant since = Instant.parse("2026-01-02T00:00:00Z");
        try (Producer<String, byte[]> producer = cluster.producer()) {
            send(producer, topics, since.minusMillis(1), "{\"id\":\"old\"}", Optional.of("x"));
            send(
                    producer,
                    topics,
                    since,
                    "{\"model\":{\"id\":\"no\"},\"id\":\"a\",\"prompt\":\"p\"}",
                    Optional.of("x"));
            for (String unusable : List.of(
                    "{\"id\":7}", "{\"id\":null}", "{}", "[{\"id\":\"b\"}]", "\"id\"", "", "{\"prompt\":", "\u0000")) {
                send(producer, topics, since, unusable, Optional.of("x"));
            }
            send(producer, topics, since, "{\"id\":\"other\"}", Optional.empty());
            send(producer, topics, since.plusSeconds(1), "{\"prompt\":\"p\",\"id\":\"c\"}", Optional.of("y"));
            byte[] tombstone = null;
            producer.send(new ProducerRecord<>(topics.requests(), 0, since.toEpochMilli(), "k", tombstone))
                    .get();
        }
        Map<String, String> seen = new LinkedHashMap<>();
        Map<String, Source> sources = new LinkedHashMap<>();
        new RequestTopic(cluster, topics).readSince(since, HEADER, (id, header, source) -> {
            seen.put(id, new String(header, StandardCharsets.UTF_8));
            sources.put(id, source);
        });
        assertThat(seen).containsExactly(Map.entry("a", "x"), Map.entry("c", "y"));
        assertThat(sources)
                .containsEntry("a", new Source(topics.requests(), 0, 1))
                .containsEntry("c", new Source(topics.requests(), 0, 11));
    }

    @Test
    @DisplayName("Is empty for a time after its last record")
    void nothingSince() throws Exception {
        Topics topics = create("nothing-");
        try (Producer<String, byte[]> producer = cluster.producer()) {
            send(producer, topics, Instant.EPOCH, "{\"id\":\"old\"}", Optional.of("x"));
        }
        new RequestTopic(cluster, topics).readSince(Instant.ofEpochSecond(1), HEADER, (id, header, source) -> {
            throw new AssertionError(id);
        });
    }

    @Test
    @DisplayName("Cannot be read without the right READ, which the error names")
    void denied() throws Exception {
        Topics topics = create("denied-");
        try (Admin admin = cluster.admin();
                Producer<String, byte[]> producer = cluster.producer()) {
            send(producer, topics, Instant.EPOCH, "{\"id\":\"a\"}", Optional.of("x"));
            admin.createAcls(List.of(new AclBinding(
                            new ResourcePattern(ResourceType.TOPIC, topics.requests(), PatternType.LITERAL),
                            new AccessControlEntry("User:*", "*", AclOperation.WRITE, AclPermissionType.ALLOW))))
                    .all()
                    .get();
            assertThatThrownBy(() -> new RequestTopic(cluster, topics)
                            .readSince(Instant.EPOCH, HEADER, (id, header, source) -> {}))
                    .isInstanceOf(ClientException.AccessDenied.class)
                    .hasMessageContainingAll("READ", topics.requests(), "docs/configuration.md#rights");
        }
    }

    private static Topics create(String prefix) throws Exception {
        Topics topics = Topics.withPrefix(prefix);
        try (Admin admin = cluster.admin()) {
            admin.createTopics(List.of(new NewTopic(topics.requests(), 1, (short) 1)
                            .configs(Map.of("message.timestamp.type", "CreateTime", "retention.ms", "-1"))))
                    .all()
                    .get();
        }
        return topics;
    }

    private static void send(
            Producer<String, byte[]> producer, Topics topics, Instant time, String value, Optional<String> header)
            throws Exception {
        ProducerRecord<String, byte[]> record = new ProducerRecord<>(
                topics.requests(), 0, time.toEpochMilli(), "k", value.getBytes(StandardCharsets.UTF_8));
        header.ifPresent(text -> record.headers().add(HEADER, text.getBytes(StandardCharsets.UTF_8)));
        producer.send(record).get();
    }
}
