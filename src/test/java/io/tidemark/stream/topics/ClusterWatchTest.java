package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.stream.LogCapture;
import io.tidemark.time.VirtualTime;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.internals.KafkaFutureImpl;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The watch of the cluster")
class ClusterWatchTest {

    private static final String BROKERS = "one:9092,two:9092";
    private static final int TOLERATED_SECONDS = 5;
    private static final int LONG_SECONDS = 60;

    private final VirtualTime time = new VirtualTime();
    private final Map<String, String> faults = new HashMap<>();
    private Optional<KafkaException> refusal = Optional.empty();
    private final ClusterWatch watch = new ClusterWatch(
            new KafkaThread(clients(this::newAdmin), time, task -> {}),
            address -> Optional.ofNullable(faults.get(address)));

    @Test
    @DisplayName("Logs one line with the addresses and their faults after 5 s, and one when a broker answers")
    void outageOfAStart() {
        faults.putAll(Map.of("one:9092", "the host is unknown", "two:9092", "the connection is refused"));
        List<String> lines = LogCapture.of(ClusterWatch.class, () -> {
            turnFor(TOLERATED_SECONDS - 1);
            assertThat(watch.outage()).isEmpty();
            turnFor(LONG_SECONDS);
            assertThat(watch.outage())
                    .contains(
                            "no Kafka broker answers at one:9092,two:9092 (one:9092: the host is unknown; two:9092: the"
                                    + " connection is refused); start one with 'tidemark broker', or check the address (--broker"
                                    + " or KAFKA_BOOTSTRAP_SERVERS)");
            faults.remove("two:9092");
            watch.turn();
            watch.awaitCluster();
        });
        assertThat(watch.outage()).isEmpty();
        assertThat(lines).hasSize(2);
        assertThat(lines.get(0)).startsWith("no Kafka broker answers at " + BROKERS);
        assertThat(lines.get(1)).startsWith("a Kafka broker answers at one:9092,two:9092 again, after 6");
    }

    @Test
    @DisplayName("Logs each outage of a process that runs once")
    void laterOutages() {
        watch.turn();
        List<String> lines = LogCapture.of(ClusterWatch.class, () -> {
            for (int outage = 0; outage < 2; outage++) {
                refusal = Optional.of(new TimeoutException("planted"));
                faults.putAll(Map.of("one:9092", "refused", "two:9092", "refused"));
                turnFor(LONG_SECONDS);
                assertThat(watch.outage()).isPresent();
                refusal = Optional.empty();
                watch.turn();
                assertThat(watch.outage()).isEmpty();
            }
        });
        assertThat(lines).hasSize(4);
    }

    @Test
    @DisplayName("Does not take one late answer for an outage while a broker responds at its address, but two")
    void lateAnswers() {
        watch.turn();
        refusal = Optional.of(new TimeoutException("planted"));
        time.sleep(Duration.ofSeconds(LONG_SECONDS));
        watch.turn();
        assertThat(watch.outage()).isEmpty();
        watch.turn();
        assertThat(watch.outage())
                .hasValueSatisfying(sentence -> assertThat(sentence).contains("advertised.listeners"));
    }

    @Test
    @DisplayName("Ends a start whose credentials the brokers refuse, with the address")
    void refusedCredentials() {
        refusal = Optional.of(new SaslAuthenticationException("planted"));
        watch.turn();
        assertThatThrownBy(watch::awaitCluster)
                .hasMessage("the Kafka cluster at one:9092,two:9092 can't be used: the brokers refuse the credentials:"
                        + " planted; check the settings kafka.security.*, kafka.sasl.* and kafka.ssl.*");
    }

    @Test
    @DisplayName("Says what is wrong with an address: unknown, refused, of an HTTP or TLS server, or nothing")
    void addresses() throws Exception {
        try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            closed.close();
            assertThat(ClusterWatch.fault("127.0.0.1:" + closed.getLocalPort(), true))
                    .contains("the connection is refused");
        }
        assertThat(ClusterWatch.fault("no-such-host.invalid:9092", true)).contains("the host is unknown");
        assertThat(faultOfServer("HTTP/1.1 400 Bad Request\r\n\r\n".getBytes(StandardCharsets.US_ASCII), true))
                .hasValueSatisfying(fault -> assertThat(fault).contains("no Kafka broker without TLS"));
        byte[] tlsAlert = {0x15, 3, 3, 0, 2, 2, 10};
        assertThat(faultOfServer(tlsAlert, true)).isPresent();
        assertThat(faultOfServer(new byte[0], true)).isPresent();
        assertThat(faultOfServer(new byte[0], false)).isEmpty();
        try (EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY)) {
            assertThat(ClusterWatch.fault(broker.bootstrapServers(), true)).isEmpty();
        }
    }

    private static Optional<String> faultOfServer(byte[] answer, boolean plain) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Thread thread = new Thread(() -> answer(server, answer));
            thread.start();
            Optional<String> fault = ClusterWatch.fault("127.0.0.1:" + server.getLocalPort(), plain);
            thread.join();
            return fault;
        }
    }

    private static void answer(ServerSocket server, byte[] bytes) {
        try (Socket socket = server.accept();
                OutputStream out = socket.getOutputStream()) {
            out.write(bytes);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void turnFor(int seconds) {
        long start = time.nanoTime();
        while (time.nanosSince(start) < seconds * 1_000_000_000L) {
            watch.turn();
        }
    }

    private static KafkaClients clients(Function<Object[], Object> newAdmin) {
        return (KafkaClients) Proxy.newProxyInstance(
                ClusterWatchTest.class.getClassLoader(),
                new Class<?>[] {KafkaClients.class},
                (clients, method, arguments) -> switch (method.getName()) {
                    case "property" ->
                        arguments[0].equals("bootstrap.servers") ? Optional.of(BROKERS) : Optional.empty();
                    case "newAdmin" -> newAdmin.apply(arguments);
                    default -> throw new UnsupportedOperationException(method.getName());
                });
    }

    private Object newAdmin(Object[] arguments) {
        return Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {Admin.class}, (admin, method, options) -> described());
    }

    private DescribeClusterResult described() throws ReflectiveOperationException {
        KafkaFutureImpl<Object> nodes = new KafkaFutureImpl<>();
        refusal.ifPresentOrElse(nodes::completeExceptionally, () -> nodes.complete(List.of()));
        Constructor<?> constructor = DescribeClusterResult.class.getDeclaredConstructors()[0];
        constructor.setAccessible(true);
        Object[] futures = new Object[constructor.getParameterCount()];
        Arrays.fill(futures, KafkaFuture.completedFuture(null));
        futures[0] = nodes;
        return (DescribeClusterResult) constructor.newInstance(futures);
    }
}
