package io.tidemark.stream.delivery;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.FixtureModel;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** A real broker and a model, for the loops of several workers whose requests the test ends. */
final class LoopFixture implements AutoCloseable {

    static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final String FAMILY = "llama-gqa";

    private final EmbeddedBroker broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
    private final Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
    private final KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new ByteArraySerializer(),
            new ByteArraySerializer());
    private final FixtureModel fixture = FixtureModel.load(FAMILY);
    private final AdapterStore store = new AdapterStore(fixture.model());
    private int cases;
    private boolean stopped;

    Admin admin() {
        return admin;
    }

    String bootstrapServers() {
        return broker.bootstrapServers();
    }

    /** The ids of the brokers. */
    List<Integer> brokers() {
        return await(admin.describeCluster().nodes()).stream().map(Node::id).toList();
    }

    LanguageModel model() {
        return fixture.model();
    }

    AdapterStore adapters() {
        return store;
    }

    /** Returns when the record is in its topic. */
    void write(ProducerRecord<byte[], byte[]> record) {
        await(producer.send(record));
    }

    /** A producer whose transactions the test begins and ends. It has ended earlier transactions of its id. */
    KafkaProducer<byte[], byte[]> newTransactionalProducer(String transactionalId) {
        KafkaProducer<byte[], byte[]> client = new KafkaProducer<>(
                Map.of("bootstrap.servers", bootstrapServers(), "transactional.id", transactionalId),
                new ByteArraySerializer(),
                new ByteArraySerializer());
        client.initTransactions();
        return client;
    }

    void stopBroker() {
        stopped = true;
        broker.close();
    }

    /** Creates the topics of a case: one request topic, and results and dead letters with one partition. */
    LoopTopics newCase(int partitions) {
        return newCase(partitions, 1, Map.of());
    }

    /** @param configs of the topics of results and dead letters, by {@code TOPIC.NAME} */
    LoopTopics newCase(int partitions, int requestTopics, Map<String, String> configs) {
        return new LoopTopics(this, "c" + ++cases, partitions, requestTopics, configs);
    }

    void create(NewTopic topic) {
        await(admin.createTopics(List.of(topic)).all());
    }

    static <T> T await(Future<T> call) {
        try {
            return call.get();
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        producer.close();
        admin.close(Duration.ZERO);
        store.close();
        fixture.close();
        if (!stopped) {
            broker.close();
        }
    }
}
