package io.tidemark.stream.topics;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.FinalizedVersionRange;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.AuthorizationException;
import org.jboss.logging.Logger;

/**
 * Checks at the start the settings of the cluster on which delivery depends: what it requires is refused, and what it
 * advises is a warning. The settings of brokers need the right DESCRIBE_CONFIGS on the cluster; without it they are not
 * checked. Every broker is asked, because each can be the coordinator of the group or of a transaction.
 */
public final class ClusterSettings {

    private static final Logger LOG = Logger.getLogger(ClusterSettings.class);

    /** The version from which a delayed commit of an aborted transaction has no effect on the next one. */
    private static final short TRANSACTION_VERSION = 2;

    private static final String FEATURE = "transaction.version";
    private static final int MIN_REPLICATED_BROKERS = 3;

    /**
     * A setting of brokers that is a number.
     *
     * @param required whether a smaller value is refused
     * @param why      what happens with a smaller value
     */
    private record Minimum(String name, long value, boolean required, String why) {

        private String violation(String broker, long found) {
            return "broker " + broker + " has " + name + " " + found + ", and " + value + " or more is "
                    + (required ? "required: " : "advised: ") + why;
        }
    }

    private static final Minimum METADATA = new Minimum(
            "offset.metadata.max.bytes",
            4096,
            true,
            "the committed offset of a partition also names the requests above it that have a result");

    private static final Minimum TRANSACTION_TIMEOUT =
            new Minimum("transaction.max.timeout.ms", 10_000, true, "transactions have a timeout of 10 s");

    private static final Minimum RETENTION = new Minimum(
            "offsets.retention.minutes",
            TimeUnit.DAYS.toMinutes(7),
            false,
            "the cluster deletes the offsets of a group without members after this time, and requests are answered"
                    + " again");

    private static final Minimum TRANSACTION_STATE = new Minimum(
            "transaction.state.log.min.isr",
            2,
            false,
            "the loss of one broker could otherwise lose the outcome of a transaction");

    /** The minimum for {@code __consumer_offsets} too, which has no setting of its own. */
    private static final Minimum OFFSETS = new Minimum(
            "min.insync.replicas",
            2,
            false,
            "__consumer_offsets has the value of the brokers, and the loss of one broker could lose committed offsets");

    private ClusterSettings() {}

    /**
     * Logs a warning for each advised setting that the cluster does not have.
     *
     * @param answers whether the process answers requests
     * @throws IllegalStateException if the cluster does not have a required setting, or does not answer within a minute
     */
    public static void check(Admin admin, boolean answers) {
        warnings(admin, answers).forEach(LOG::warn);
    }

    /** Returns the warnings that {@link #check} logs. */
    static List<String> warnings(Admin admin, boolean answers) {
        try {
            List<String> refused = new ArrayList<>();
            List<String> warnings = new ArrayList<>();
            transactionVersion(admin).ifPresent(refused::add);
            brokers(admin, answers, refused, warnings);
            if (!refused.isEmpty()) {
                throw new IllegalStateException("the Kafka cluster can't be used: " + String.join("; ", refused));
            }
            return warnings;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while reading the settings of the cluster", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException(
                    "could not read the settings of the cluster: " + KafkaConnection.reason(e.getCause()),
                    e.getCause());
        } catch (TimeoutException e) {
            throw new IllegalStateException(
                    "the Kafka cluster did not answer within " + TopicSetup.TIMEOUT_S + " s", e);
        }
    }

    private static Optional<String> transactionVersion(Admin admin)
            throws InterruptedException, ExecutionException, TimeoutException {
        FinalizedVersionRange range = admin.describeFeatures()
                .featureMetadata()
                .get(TopicSetup.TIMEOUT_S, TimeUnit.SECONDS)
                .finalizedFeatures()
                .get(FEATURE);
        short version = range == null ? 0 : range.maxVersionLevel();
        if (version >= TRANSACTION_VERSION) {
            return Optional.empty();
        }
        return Optional.of("its feature " + FEATURE + " is " + version + ", and " + TRANSACTION_VERSION
                + " is required, so that a delayed commit of an aborted transaction has no effect; use Kafka 4.0 or"
                + " later and run 'kafka-features.sh upgrade --feature " + FEATURE + "=" + TRANSACTION_VERSION + "'");
    }

    private static void brokers(Admin admin, boolean answers, List<String> refused, List<String> warnings)
            throws InterruptedException, ExecutionException, TimeoutException {
        List<Minimum> minima = Stream.of(
                        Stream.of(TRANSACTION_TIMEOUT, RETENTION),
                        answers ? Stream.of(METADATA) : Stream.<Minimum>empty())
                .flatMap(each -> each)
                .collect(Collectors.toCollection(ArrayList::new));
        Set<String> nodes = admin.describeCluster().nodes().get(TopicSetup.TIMEOUT_S, TimeUnit.SECONDS).stream()
                .map(Node::idString)
                .collect(Collectors.toSet());
        if (nodes.size() >= MIN_REPLICATED_BROKERS) {
            minima.add(TRANSACTION_STATE);
            minima.add(OFFSETS);
        }
        Map<String, Config> brokers;
        try {
            brokers = describe(admin, nodes);
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof AuthorizationException)) {
                throw e;
            }
            warnings.add("the settings of the brokers can't be checked ("
                    + KafkaConnection.reason(e.getCause()) + "); this needs DESCRIBE_CONFIGS on the cluster. "
                    + minima.stream()
                            .map(each -> each.name + " should be at least " + each.value)
                            .collect(Collectors.joining(", ")));
            return;
        }
        brokers.forEach((broker, config) -> minima.forEach(minimum -> number(config, minimum.name)
                .filter(found -> found < minimum.value)
                .ifPresent(found -> (minimum.required ? refused : warnings).add(minimum.violation(broker, found)))));
    }

    private static Map<String, Config> describe(Admin admin, Set<String> nodes)
            throws InterruptedException, ExecutionException, TimeoutException {
        List<ConfigResource> resources = nodes.stream()
                .map(node -> new ConfigResource(ConfigResource.Type.BROKER, node))
                .toList();
        Map<String, Config> brokers = new TreeMap<>();
        admin.describeConfigs(resources)
                .all()
                .get(TopicSetup.TIMEOUT_S, TimeUnit.SECONDS)
                .forEach((resource, config) -> brokers.put(resource.name(), config));
        return brokers;
    }

    /** The number in a setting; empty if the cluster does not report it, as some hosted ones do not. */
    private static Optional<Long> number(Config config, String name) {
        return Optional.ofNullable(config.get(name))
                .flatMap(entry -> Optional.ofNullable(entry.value()))
                .map(Long::valueOf);
    }
}
