package io.tidemark.stream.delivery.commit;

import io.tidemark.message.CompletionResult;
import io.tidemark.message.Provenance;
import io.tidemark.message.ResultMessage;
import io.tidemark.request.Answer;
import io.tidemark.request.RequestListener;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.delivery.Deliveries;
import io.tidemark.stream.delivery.commit.AnswerTransactions.CommitOutcome;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.reply.Delivery;
import io.tidemark.stream.delivery.reply.EventWriter;
import io.tidemark.stream.delivery.reply.ReplyRouting;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.VirtualTime;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Transactions of answers whose producers, reply topics and broker fail as the test says. */
final class FaultyTransactions {

    static final TopicPartition PARTITION = new TopicPartition("generation-requests", 0);
    static final TopicLayout TOPICS = TopicLayout.of(TestSettings.with(Map.of()).topics());
    static final String REPLIES = "replies";

    private static final ConsumerGroupMetadata GROUP =
            new ConsumerGroupMetadata("group", 1, "member", Optional.empty());
    private static final ReplyRouting ROUTING = new ReplyRouting(
            List.of(),
            new ReplyTopics(TOPICS.results(), Map.of(TOPICS.results(), 1, REPLIES, 1)),
            new EventWriter(event -> {}));

    /** A producer whose faults the test plants. */
    static final class FaultyProducer extends MockProducer<byte[], byte[]> {

        /** Thrown by the commit before it has an effect. */
        final List<RuntimeException> beforeCommit = new ArrayList<>();
        /** Thrown by the commit after its effect. */
        final List<RuntimeException> afterCommit = new ArrayList<>();
        /** Given to the callback of a send. */
        Optional<RuntimeException> sendFailure = Optional.empty();
        /** Given to the callbacks of later sends of the transaction, as by Kafka's producer. */
        private Optional<RuntimeException> state = Optional.empty();

        Runnable onSend = () -> {};
        String failingTopic = TOPICS.results();
        private boolean effective;
        int sends;
        /** Whether callbacks are called by the commit. */
        boolean delayed;

        private final List<Callback> callbacks = new ArrayList<>();

        FaultyProducer() {
            super(true, null, new ByteArraySerializer(), new ByteArraySerializer());
        }

        @Override
        public synchronized Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback) {
            sends++;
            onSend.run();
            if (sendFailure.isPresent() && record.topic().equals(failingTopic)) {
                state = sendFailure;
                sendFailure = Optional.empty();
                commitTransactionException = new KafkaException("a send has failed", state.get());
            }
            state.ifPresent(reason -> {
                if (delayed) {
                    callbacks.add(callback);
                } else {
                    callback.onCompletion(null, reason);
                }
            });
            // Kafka's producer calls a callback once
            return super.send(record, state.isPresent() ? (metadata, reason) -> {} : callback);
        }

        @Override
        public void commitTransaction() {
            callbacks.forEach(callback -> callback.onCompletion(null, state.orElseThrow()));
            callbacks.clear();
            if (!beforeCommit.isEmpty()) {
                throw beforeCommit.remove(0);
            }
            if (!effective) {
                super.commitTransaction();
                effective = true;
            }
            if (!afterCommit.isEmpty()) {
                throw afterCommit.remove(0);
            }
            effective = false;
        }

        @Override
        public void abortTransaction() {
            if (effective) {
                throw new IllegalStateException("the transaction is committed");
            }
            commitTransactionException = null;
            state = Optional.empty();
            super.abortTransaction();
        }
    }

    private final List<FaultyProducer> producers = new ArrayList<>();
    private final AtomicBoolean givesUp = new AtomicBoolean();
    private final VirtualTime time = new VirtualTime();
    private String missingTopic = "";
    private Optional<String> probeFailure = Optional.of("refused");
    private final List<String> probes = new ArrayList<>();
    /** Transactional ids whose transactions can't be ended. */
    private final Set<String> stuck = new HashSet<>();

    private final List<String> setAside = new ArrayList<>();
    private final TransactionStatus status = new TransactionStatus();
    private final TransactionRepair.TopicFaults faults = new TransactionRepair.TopicFaults() {
        @Override
        public boolean isMissing(String topic) {
            return topic.equals(missingTopic);
        }

        @Override
        public Optional<String> fault(String topic, Collection<Integer> partitions) {
            return isMissing(topic) ? Optional.of("missing") : Optional.empty();
        }
    };
    private final RequestListener listener = new RequestListener() {
        @Override
        public void onTopicSetAside(String topic) {
            setAside.add(topic);
        }
    };
    private final ResultProducers ids = new ResultProducers(
            id -> {
                producers.add(new FaultyProducer());
                return latest();
            },
            Deliveries.PROCESS,
            stuck::contains);
    private final AnswerTransactions transactions = new AnswerTransactions(
            ids,
            TOPICS,
            new UnwritableTopics(this::probe, Runnable::run, status, listener, time),
            faults,
            givesUp::get,
            time);
    private final PartitionProgress progress = Deliveries.progress(PARTITION);

    private Optional<String> probe(String topic, Collection<Integer> partitions) {
        probes.add(topic);
        return probeFailure;
    }

    AnswerTransactions transactions() {
        return transactions;
    }

    /** All that were opened, the first one first. */
    List<FaultyProducer> producers() {
        return producers;
    }

    PartitionProgress progress() {
        return progress;
    }

    VirtualTime time() {
        return time;
    }

    TransactionStatus status() {
        return status;
    }

    /** The reply topics that were probed. */
    List<String> probes() {
        return probes;
    }

    /** The topics of which the listener was told. */
    List<String> setAside() {
        return setAside;
    }

    /** The wait for brokers is over. */
    void giveUp() {
        givesUp.set(true);
    }

    /** A topic that the cluster does not have. */
    void missingTopic(String topic) {
        missingTopic = topic;
    }

    /** @param failure of probes from now on */
    void probeFailure(Optional<String> failure) {
        probeFailure = failure;
    }

    /** The transactions of this id can't be ended. */
    void stick(String transactionalId) {
        stuck.add(transactionalId);
    }

    /** The producer of the next transaction. */
    FaultyProducer latest() {
        return producers.get(producers.size() - 1);
    }

    /** Writes answers and the offsets of their requests in one transaction. */
    CommitOutcome write(List<PendingAnswer> answers) {
        answers.forEach(answer -> progress.open(answer.delivery().offset()));
        List<Long> ending =
                answers.stream().map(answer -> answer.delivery().offset()).toList();
        return transactions.write(
                answers, Map.of(PARTITION, progress.commit(ending).target()), GROUP);
    }

    /** The committed offsets, with their metadata. */
    List<OffsetAndMetadata> offsets() {
        return producers.stream()
                .flatMap(producer -> producer.consumerGroupOffsetsHistory().stream())
                .map(groups -> groups.get("group").get(PARTITION))
                .toList();
    }

    List<Long> committedOffsets() {
        return offsets().stream().map(OffsetAndMetadata::offset).toList();
    }

    /** The committed results. */
    List<ProducerRecord<byte[], byte[]>> results() {
        return producers.stream()
                .flatMap(producer -> producer.history().stream())
                .filter(record -> record.topic().equals(TOPICS.results()))
                .toList();
    }

    /** An answer with a completion. */
    PendingAnswer answer(long offset) {
        Delivery delivery = Deliveries.delivery(progress, offset);
        ResultMessage result = new CompletionResult(
                "r" + offset,
                CompletionResult.TEXT_COMPLETION,
                0,
                "m",
                List.of(),
                CompletionResult.Usage.of(1, 1, 0),
                Provenance.rejected(delivery.request().source(), "base", "worker", 1));
        return new PendingAnswer(
                delivery, new Answer(delivery.request(), result, Optional.empty(), "stop", Optional.empty(), 0));
    }

    /** An answer with an error, which has a dead letter. */
    PendingAnswer error(long offset) {
        return failed(Deliveries.delivery(progress, offset));
    }

    /** An answer with an error whose request names a reply topic. */
    PendingAnswer replying(long offset) {
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>(PARTITION.topic(), 0, offset, null, new byte[1]);
        record.headers().add("kafka_replyTopic", REPLIES.getBytes(StandardCharsets.UTF_8));
        return failed(Deliveries.delivery(progress, record, ROUTING));
    }

    private static PendingAnswer failed(Delivery delivery) {
        return new PendingAnswer(delivery, Deliveries.error(delivery));
    }
}
