package io.tidemark.stream.topics;

import io.tidemark.time.Time;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.utils.Utils;
import org.jboss.logging.Logger;

/**
 * Asks the cluster every few seconds whether it responds, from the start of a process to its end. An outage is logged
 * once, about 5 to 10 s after its begin, and its end once. A process that starts waits in {@link #awaitCluster}, for as
 * long as the outage lasts.
 *
 * <pre>
 *   Waiting ── an answer ──▶ Answering ◀── an answer ── Outage
 *      │ │                        └──── none for 5 s ─────▲
 *      │ └─────────────── none for 5 s ───────────────────┘
 *      └── an answer that no retry changes ──▶ Refused
 * </pre>
 *
 * <p>The first connection is not one of a Kafka client, whose error does not say that a port is open without a Kafka
 * broker. Turns run on the thread {@code tidemark-cluster}; the other methods may be called from any thread.
 */
public final class ClusterWatch extends TurnLoop {

    private static final Logger LOG = Logger.getLogger(ClusterWatch.class);
    private static final Duration PAUSE = Duration.ofSeconds(2);
    private static final Duration PAUSE_IN_OUTAGE = Duration.ofSeconds(1);
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(1);
    private static final int CALL_MS = 4_000;
    private static final int CONNECT_MS = 2_000;
    /** A shorter time without an answer is no outage: the leader of a small cluster may change. */
    private static final long TOLERATED_NANOS = TimeUnit.SECONDS.toNanos(5);
    /** The answer to the request of {@link #fault} has some hundred bytes. */
    private static final int MAX_ANSWER_BYTES = 1 << 20;

    private final KafkaClients kafka;
    private final Function<String, Optional<String>> fault;
    private final Time time;
    private final String brokers;
    private final List<String> addresses;
    private final CompletableFuture<Void> firstAnswer = new CompletableFuture<>();
    private volatile State state = new State.Waiting();
    private volatile Optional<Thread> runner = Optional.empty();

    // used by the thread only
    private Optional<Admin> admin = Optional.empty();
    private long answeredNanos;
    /** How many calls in a row had no answer, although a broker responds at an address. */
    private int unanswered;

    private sealed interface State {
        record Waiting() implements State {}

        record Answering() implements State {}

        /** @param sinceNanos when the last answer was received, or the watch was started */
        record Outage(String sentence, long sinceNanos) implements State {}

        record Refused() implements State {}
    }

    /** @param fault what is wrong with an address {@code HOST:PORT}; empty if a broker responds there */
    ClusterWatch(KafkaThread thread, Function<String, Optional<String>> fault) {
        super("the watch of the cluster", CLOSE_TIMEOUT, thread.time());
        this.kafka = thread.kafka();
        this.time = thread.time();
        this.fault = fault;
        this.brokers =
                kafka.property(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG).orElse("");
        this.addresses = List.of(brokers.strip().split("\\s*,\\s*"));
        this.answeredNanos = time.nanoTime();
    }

    /** Starts to ask. */
    public static ClusterWatch start(KafkaThread thread) {
        boolean plain = thread.kafka()
                .property(CommonClientConfigs.SECURITY_PROTOCOL_CONFIG)
                .filter(protocol -> protocol.endsWith("SSL"))
                .isEmpty();
        ClusterWatch watch = new ClusterWatch(thread, address -> fault(address, plain));
        thread.thread().execute(watch);
        return watch;
    }

    /**
     * Waits until a broker has responded for the first time.
     *
     * @throws IllegalStateException if the clients can't be created, the brokers refuse the credentials, or the thread
     *     is interrupted
     */
    public void awaitCluster() {
        try {
            firstAnswer.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for the Kafka cluster at " + brokers, e);
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause().getMessage(), e.getCause());
        }
    }

    /** A sentence with the address, the fault and what to do; empty if there is no outage. */
    public Optional<String> outage() {
        return state instanceof State.Outage outage ? Optional.of(outage.sentence) : Optional.empty();
    }

    @Override
    protected void turn() {
        runner = Optional.of(Thread.currentThread());
        List<String> faults = admin.isPresent() ? List.of() : faults();
        if (!faults.isEmpty() && faults.size() == addresses.size()) {
            failed(faults);
        } else {
            ask();
        }
        time.sleep(state instanceof State.Answering ? PAUSE : PAUSE_IN_OUTAGE);
    }

    private void ask() {
        try {
            if (admin.isEmpty()) {
                admin = Optional.of(kafka.newAdmin());
            }
            admin.get()
                    .describeCluster(new DescribeClusterOptions().timeoutMs(CALL_MS))
                    .nodes()
                    .get();
            answered();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RetriableException) {
                unanswered++;
                failed(faults());
            } else {
                refused(KafkaConnection.reason(e.getCause()));
            }
        } catch (KafkaException e) {
            refused(messages(e));
        } catch (InterruptedException e) {
            stop();
        }
    }

    private void answered() {
        if (state instanceof State.Outage outage) {
            LOG.infof(
                    "a Kafka broker answers at %s again, after %d s",
                    brokers, TimeUnit.NANOSECONDS.toSeconds(time.nanosSince(outage.sinceNanos)));
        }
        unanswered = 0;
        answeredNanos = time.nanoTime();
        state = new State.Answering();
        firstAnswer.complete(null);
    }

    /** The brokers respond. What they refuse is reported by the services that need it. */
    private void refused(String reason) {
        boolean first = firstAnswer.completeExceptionally(
                new IllegalStateException("the Kafka cluster at " + brokers + " can't be used: " + reason));
        if (first) {
            state = new State.Refused();
        } else {
            answered();
        }
    }

    /** @param faults those of the addresses at which no broker responds */
    private void failed(List<String> faults) {
        boolean responds = faults.size() < addresses.size();
        if (time.nanosSince(answeredNanos) < TOLERATED_NANOS || responds && unanswered < 2) {
            return;
        }
        String sentence = sentence(responds ? List.of() : faults);
        if (state instanceof State.Outage before) {
            state = new State.Outage(sentence, before.sinceNanos);
            return;
        }
        state = new State.Outage(sentence, answeredNanos);
        LOG.warnf("%s; this process asks again until one answers", sentence);
    }

    private String sentence(List<String> faults) {
        String reason = faults.isEmpty()
                ? "one responds there, but not at the address that it advertises, or too late: check"
                        + " advertised.listeners and the load of the brokers"
                : String.join("; ", faults);
        return "no Kafka broker answers at " + brokers + " (" + reason + "); start one with 'tidemark broker', or check"
                + " the address (--broker or KAFKA_BOOTSTRAP_SERVERS)";
    }

    /** What is wrong with the addresses. One that is not {@code HOST:PORT} is left to the Kafka client to refuse. */
    private List<String> faults() {
        List<String> faults = new ArrayList<>();
        for (String address : addresses) {
            Optional<String> found = isAddress(address) ? fault.apply(address) : Optional.empty();
            found.map(reason -> addresses.size() == 1 ? reason : address + ": " + reason)
                    .ifPresent(faults::add);
        }
        return faults;
    }

    private static boolean isAddress(String text) {
        return Utils.getHost(text) != null && Utils.getPort(text) != null;
    }

    /**
     * Connects to an address and sends the first request of every Kafka client. Tries all addresses of the host, as a
     * Kafka client does.
     *
     * @param plain whether the connection is without TLS; with TLS, no request is sent
     */
    static Optional<String> fault(String address, boolean plain) {
        InetAddress[] hosts;
        try {
            hosts = InetAddress.getAllByName(Utils.getHost(address));
        } catch (UnknownHostException e) {
            return Optional.of("the host is unknown");
        }
        List<String> faults = new ArrayList<>();
        for (InetAddress host : hosts) {
            Optional<String> found = fault(new InetSocketAddress(host, Utils.getPort(address)), plain);
            if (found.isEmpty()) {
                return found;
            }
            faults.add(found.get());
        }
        return Optional.of(faults.get(0));
    }

    private static Optional<String> fault(InetSocketAddress target, boolean plain) {
        try (Socket socket = new Socket()) {
            socket.connect(target, CONNECT_MS);
            socket.setSoTimeout(CONNECT_MS);
            return plain && !isBroker(socket)
                    ? Optional.of("the port is open, but of no Kafka broker without TLS: check the port and"
                            + " kafka.security.protocol")
                    : Optional.empty();
        } catch (ConnectException e) {
            return Optional.of("the connection is refused");
        } catch (SocketTimeoutException e) {
            return Optional.of("no response within " + CONNECT_MS / 1000 + " s");
        } catch (IOException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /** Sends ApiVersions without a client id. A broker of any version returns its size and the same correlation id. */
    private static boolean isBroker(Socket socket) throws SocketTimeoutException {
        int correlationId = 1;
        ByteBuffer request = ByteBuffer.allocate(14)
                .putInt(10)
                .putShort(ApiKeys.API_VERSIONS.id)
                .putShort((short) 0)
                .putInt(correlationId)
                .putShort((short) -1);
        try {
            socket.getOutputStream().write(request.array());
            DataInputStream in = new DataInputStream(socket.getInputStream());
            int size = in.readInt();
            return size > 0 && size <= MAX_ANSWER_BYTES && in.readInt() == correlationId;
        } catch (SocketTimeoutException e) {
            throw e;
        } catch (IOException e) {
            return false; // the server has closed the connection
        }
    }

    /** The messages of a failure and of its causes: often only an inner one names the property that is wrong. */
    private static String messages(Throwable failure) {
        List<String> messages = new ArrayList<>();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            messages.add(KafkaConnection.reason(cause));
        }
        return String.join(": ", messages);
    }

    /** Ends {@link #run}, also while it waits. */
    @Override
    public void stop() {
        super.stop();
        runner.ifPresent(Thread::interrupt);
    }

    @Override
    protected void end() {
        Thread.interrupted(); // from stop(): the client must be closed
        admin.ifPresent(client -> client.close(Duration.ZERO));
        admin = Optional.empty();
        firstAnswer.completeExceptionally(new IllegalStateException("the process stops"));
    }
}
