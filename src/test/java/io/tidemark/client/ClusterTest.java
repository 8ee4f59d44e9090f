package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.errors.NotEnoughReplicasAfterAppendException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A client's cluster")
class ClusterTest {

    private static final String PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required";

    @Test
    @DisplayName("Without a broker says so; with wrong credentials names these, and not a missing broker")
    void wrongCredentials() throws Exception {
        List<Integer> ports = freePorts(3);
        String open = "PLAINTEXT://127.0.0.1:" + ports.get(0);
        String secured = "SECURED://127.0.0.1:" + ports.get(1);
        Map<String, String> settings = Map.of(
                "listeners", open + "," + secured + ",CONTROLLER://127.0.0.1:" + ports.get(2),
                "advertised.listeners", open + "," + secured,
                "controller.quorum.voters", "1@127.0.0.1:" + ports.get(2),
                "listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,SECURED:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
                "sasl.enabled.mechanisms", "PLAIN",
                "listener.name.secured.plain.sasl.jaas.config", PLAIN + " user_a=\"right\";");
        EmbeddedBroker broker = EmbeddedBroker.start(new BrokerOptions(ports.get(0), Optional.empty(), settings));
        try (broker) {
            Cluster wrong = new Cluster(
                    "127.0.0.1:" + ports.get(1),
                    Map.of(
                            "security.protocol", "SASL_PLAINTEXT",
                            "sasl.mechanism", "PLAIN",
                            "sasl.jaas.config", PLAIN + " username=\"a\" password=\"wrong\";"));
            assertThatThrownBy(() -> wrong.requireTopics("t"))
                    .isInstanceOf(ClientException.AccessDenied.class)
                    .hasMessageContaining("check the credentials")
                    .hasMessageNotContaining("no Kafka broker answers");
            assertThatThrownBy(() -> new Cluster(broker.bootstrapServers()).requireTopics("t"))
                    .hasMessageContainingAll("topic t does not exist", "has no right on it");
        }
        Cluster nobody =
                new Cluster("127.0.0.1:1", Map.of("default.api.timeout.ms", "1000", "request.timeout.ms", "500"));
        assertThatThrownBy(() -> nobody.requireTopics("t")).hasMessageContaining("no Kafka broker answers");
    }

    private static List<Integer> freePorts(int count) throws IOException {
        List<ServerSocket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < count; i++) {
                sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
            }
            return sockets.stream().map(ServerSocket::getLocalPort).toList();
        } finally {
            for (ServerSocket socket : sockets) {
                socket.close();
            }
        }
    }

    @Test
    @DisplayName("The text has the address and no properties, which can be credentials")
    void textHasNoCredentials() {
        assertThat(new Cluster("broker:9092", Map.of("sasl.jaas.config", "password=secret")))
                .hasToString("Cluster[brokers=broker:9092]");
    }

    @Test
    @DisplayName("Says that a record may be written after a failure that the producer repeats, and only then")
    void unacknowledged() {
        assertThat(List.of(new TimeoutException("120000 ms"), new NotEnoughReplicasAfterAppendException("one")))
                .allSatisfy(failure -> assertThat(Cluster.unacknowledged(failure))
                        .hasMessageContaining("which may be written all the same: " + failure.getMessage()));
        assertThat(List.of(new RecordTooLargeException("100 bytes"), new TopicAuthorizationException("no right")))
                .allSatisfy(failure -> assertThat(Cluster.unacknowledged(failure))
                        .hasMessageContaining("the record was not written")
                        .hasMessageNotContaining("may be"));
    }
}
