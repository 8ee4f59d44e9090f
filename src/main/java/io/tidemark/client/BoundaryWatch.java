package io.tidemark.client;

import io.tidemark.message.TableEntry;
import io.tidemark.topic.TopicReader;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Flow;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;

/**
 * Publishes the boundary table: first the last record of each adapter, then each change. A subscriber that is slower
 * than the calibrators gets the last change of each adapter only. Each subscription has a consumer and a thread
 * {@code tidemark-client-boundaries} of its own, which also calls the subscriber.
 */
final class BoundaryWatch implements Flow.Publisher<BoundaryChange> {

    private static final Duration POLL = Duration.ofMillis(100);

    private final Cluster cluster;
    private final String topic;
    private volatile boolean closed;

    BoundaryWatch(Cluster cluster, Topics topics) {
        this.cluster = cluster;
        this.topic = topics.boundaries();
    }

    @Override
    public void subscribe(Flow.Subscriber<? super BoundaryChange> subscriber) {
        Watch watch = new Watch(Objects.requireNonNull(subscriber, "subscriber"));
        subscriber.onSubscribe(watch);
        CallbackThreads.daemon(watch, "tidemark-client-boundaries").start();
    }

    /** Completes all subscribers. */
    void close() {
        closed = true;
    }

    private final class Watch implements Runnable, Flow.Subscription {

        private final Flow.Subscriber<? super BoundaryChange> subscriber;
        private long demand;
        private boolean cancelled;
        private boolean invalid;

        private Watch(Flow.Subscriber<? super BoundaryChange> subscriber) {
            this.subscriber = subscriber;
        }

        @Override
        public void run() {
            try (TopicReader<String> reader = cluster.reader()) {
                Map<String, TableEntry> unpublished = new LinkedHashMap<>();
                reader.addFromBeginning(topic);
                cluster.readToEnd(reader, record -> keep(record, unpublished), Cluster.READ_PAUSE);
                while (!isEnded()) {
                    publish(unpublished);
                    reader.poll(POLL).forEach(record -> keep(record, unpublished));
                }
                end();
            } catch (ClientException | KafkaException e) {
                subscriber.onError(ClientException.of("the boundaries cannot be read", e));
            }
        }

        private void keep(ConsumerRecord<String, byte[]> record, Map<String, TableEntry> unpublished) {
            if (record.key() != null) {
                unpublished.remove(record.key());
                unpublished.put(record.key(), TableEntry.parse(record.key(), record.value()));
            }
        }

        private void publish(Map<String, TableEntry> unpublished) {
            Iterator<Map.Entry<String, TableEntry>> each =
                    unpublished.entrySet().iterator();
            while (each.hasNext() && take()) {
                Map.Entry<String, TableEntry> entry = each.next();
                each.remove();
                subscriber.onNext(new BoundaryChange(entry.getKey(), entry.getValue()));
            }
        }

        private void end() {
            if (invalid) {
                subscriber.onError(new IllegalArgumentException("a subscriber requests 1 change or more"));
            } else if (!cancelled) {
                subscriber.onComplete();
            }
        }

        private synchronized boolean take() {
            if (demand == 0 || isEnded()) {
                return false;
            }
            demand--;
            return true;
        }

        private synchronized boolean isEnded() {
            return cancelled || invalid || closed;
        }

        @Override
        public synchronized void request(long count) {
            invalid |= count <= 0;
            demand = demand + count < 0 ? Long.MAX_VALUE : demand + count;
        }

        @Override
        public synchronized void cancel() {
            cancelled = true;
        }
    }
}
