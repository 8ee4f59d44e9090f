package io.tidemark.stream.delivery.commit;

import io.tidemark.request.RequestListener;
import io.tidemark.stream.topics.KafkaClients;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.text.LogText;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import org.jboss.logging.Logger;

/**
 * The reply topics that are set aside, because they do not take records: one record that a broker refuses aborts the
 * transaction with all other results. A probe finds out from time to time whether a topic takes records again. The time
 * between two probes grows from 1 min to 32 min while they fail. It keeps growing for a topic that fails again soon
 * after a probe has succeeded.
 *
 * <p>A process has one, which outlives the sessions of its group. Used by the thread that runs transactions, except for
 * the probes.
 */
public final class UnwritableTopics {

    private static final Logger LOG = Logger.getLogger(UnwritableTopics.class);
    private static final long FIRST_WAIT = Duration.ofMinutes(1).toNanos();
    private static final long LONGEST_WAIT = Duration.ofMinutes(32).toNanos();

    private final Probe probe;
    private final Executor executor;
    private final TransactionStatus status;
    private final RequestListener listener;
    private final Time time;
    private final Map<String, Aside> topics = new HashMap<>();
    /** The topics that were set aside and are used again. */
    private final Map<String, Returned> returned = new HashMap<>();
    /** The outcomes of probes, which the thread of probes adds and {@link #turn} takes. */
    private final Queue<Probed> probed = new ConcurrentLinkedQueue<>();

    /** Writes to a topic. Called by the executor. */
    interface Probe {

        /** Why the partitions of a topic can't be written; empty if they can. */
        Optional<String> failure(String topic, Collection<Integer> partitions);
    }

    /**
     * A topic that is set aside.
     *
     * @param partitions  the partitions that have failed
     * @param probedNanos the time of the last probe, or when the topic was set aside
     * @param waitNanos   the time from the last probe to the next one
     */
    private record Aside(Set<Integer> partitions, long probedNanos, long waitNanos, boolean probing) {}

    private record Returned(long nanos, long waitNanos) {}

    private record Probed(String topic, Optional<String> failure, long nanos) {}

    /** @param executor runs probes, which wait for brokers */
    UnwritableTopics(Probe probe, Executor executor, TransactionStatus status, RequestListener listener, Time time) {
        this.probe = probe;
        this.executor = executor;
        this.status = status;
        this.listener = listener;
        this.time = time;
    }

    /**
     * The topics of a process, of which none is set aside yet.
     *
     * @param executor runs probes, which wait for brokers
     */
    public static UnwritableTopics of(
            KafkaClients kafka,
            TransactionalId process,
            Executor executor,
            TransactionStatus status,
            RequestListener listener,
            Time time) {
        return new UnwritableTopics(new TopicProbe(kafka, process)::failure, executor, status, listener, time);
    }

    boolean contains(String topic) {
        return topics.containsKey(topic);
    }

    /**
     * Sets a topic aside.
     *
     * @param partitions that have failed, as far as they are known
     */
    void add(String topic, Collection<Integer> partitions, String cause) {
        long wait = FIRST_WAIT;
        Returned last = returned.remove(topic);
        if (last != null && time.nanosSince(last.nanos) < 2 * last.waitNanos) {
            wait = Math.min(LONGEST_WAIT, 2 * last.waitNanos);
        }
        Aside before = topics.put(topic, new Aside(new TreeSet<>(partitions), time.nanoTime(), wait, false));
        if (before == null) {
            LOG.warnf(
                    "the reply topic '%s' is set aside, and its results become errors on the results topic: %s; fix the"
                            + " topic or remove it from tidemark.replies.topics",
                    LogText.of(topic), LogText.of(cause));
            listener.onTopicSetAside(topic);
        }
        status.setAside(topics.keySet());
    }

    /** Takes the outcomes of probes, and starts those that are due. */
    void turn() {
        for (Probed outcome = probed.poll(); outcome != null; outcome = probed.poll()) {
            take(outcome);
        }
        for (Map.Entry<String, Aside> entry : topics.entrySet()) {
            Aside aside = entry.getValue();
            if (!aside.probing && time.nanosSince(aside.probedNanos) >= aside.waitNanos) {
                entry.setValue(new Aside(aside.partitions, aside.probedNanos, aside.waitNanos, true));
                executor.execute(() -> probe(entry.getKey(), aside.partitions));
            }
        }
    }

    private void probe(String topic, Set<Integer> partitions) {
        Optional<String> failure;
        try {
            failure = probe.failure(topic, partitions);
        } catch (RuntimeException e) {
            failure = Optional.of(String.valueOf(e));
        }
        probed.add(new Probed(topic, failure, time.nanoTime()));
    }

    private void take(Probed outcome) {
        Aside aside = topics.get(outcome.topic);
        if (aside == null) {
            return;
        }
        if (outcome.failure.isPresent()) {
            topics.put(
                    outcome.topic,
                    new Aside(aside.partitions, outcome.nanos, Math.min(LONGEST_WAIT, 2 * aside.waitNanos), false));
            LOG.debugf(
                    "the reply topic '%s' stays aside: %s",
                    LogText.of(outcome.topic), LogText.of(outcome.failure.get()));
            return;
        }
        topics.remove(outcome.topic);
        returned.put(outcome.topic, new Returned(outcome.nanos, aside.waitNanos));
        LOG.infof("the reply topic '%s' takes records again and is used", LogText.of(outcome.topic));
        status.setAside(topics.keySet());
    }
}
