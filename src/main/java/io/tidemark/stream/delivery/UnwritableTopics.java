package io.tidemark.stream.delivery;

import io.tidemark.time.Time;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * The reply topics, and the dead-letter topic, that could not be written lately. Nothing is sent to such a topic
 * for {@value #SECONDS} s, because one record that the broker refuses aborts the transaction with all other results.
 * Used by the thread that runs transactions.
 */
final class UnwritableTopics {

    private static final int SECONDS = 60;
    private static final long NANOS = TimeUnit.SECONDS.toNanos(SECONDS);

    /** Of a call of the admin client. */
    private static final int CALL_SECONDS = 5;

    private final Predicate<String> isMissing;
    private final Time time;
    /** The time of the last failure. */
    private final Map<String, Long> failures = new HashMap<>();

    /** @param isMissing asks the cluster whether a topic does not exist */
    UnwritableTopics(Predicate<String> isMissing, Time time) {
        this.isMissing = isMissing;
        this.time = time;
    }

    /** Asks the cluster with an admin client. */
    static UnwritableTopics of(Admin admin, Time time) {
        return new UnwritableTopics(topic -> isMissing(admin, topic), time);
    }

    boolean contains(String topic) {
        Long since = failures.get(topic);
        return since != null && time.nanosSince(since) < NANOS;
    }

    /**
     * Adds a topic if the failure of a send was about the topic: it is missing, its name is invalid, or this process
     * may not write to it.
     *
     * @return whether it was
     */
    boolean add(String topic, Exception failure) {
        if (!isAbout(topic, failure)) {
            return false;
        }
        failures.put(topic, time.nanoTime());
        return true;
    }

    private boolean isAbout(String topic, Exception failure) {
        return failure instanceof TopicAuthorizationException
                || failure instanceof InvalidTopicException
                || (failure instanceof TimeoutException || failure instanceof UnknownTopicOrPartitionException)
                        && isMissing.test(topic);
    }

    private static boolean isMissing(Admin admin, String topic) {
        try {
            admin.describeTopics(List.of(topic)).allTopicNames().get(CALL_SECONDS, TimeUnit.SECONDS);
            return false;
        } catch (ExecutionException e) {
            return e.getCause() instanceof UnknownTopicOrPartitionException;
        } catch (java.util.concurrent.TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
    }
}
