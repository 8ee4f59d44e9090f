package io.tidemark.client;

import io.tidemark.fixture.SampleResults;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Provenance;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.ResultMessage;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Reads requests, and answers them when the test says so, on the thread of the test. */
final class FakeService implements AutoCloseable {

    private static final Duration POLL = Duration.ofMillis(50);

    private final Topics topics = Topics.DEFAULT;
    private final Consumer<String, byte[]> requests;
    private final Producer<String, byte[]> events;
    private final Producer<String, byte[]> results;

    /** Reads the records that are written to a topic from now on. */
    FakeService(Cluster cluster, String topic) {
        this(cluster, topic, false);
    }

    /** Reads all records of a topic. */
    static FakeService fromBeginning(Cluster cluster, String topic) {
        return new FakeService(cluster, topic, true);
    }

    private FakeService(Cluster cluster, String topic, boolean all) {
        requests = cluster.consumer();
        List<TopicPartition> partitions = requests.partitionsFor(topic).stream()
                .map(info -> new TopicPartition(topic, info.partition()))
                .toList();
        requests.assign(partitions);
        if (all) {
            requests.seekToBeginning(partitions);
        } else {
            requests.seekToEnd(partitions);
        }
        partitions.forEach(requests::position);
        events = cluster.producer();
        results = new KafkaProducer<>(
                Map.of(
                        "bootstrap.servers",
                        cluster.brokers(),
                        "transactional.id",
                        UUID.randomUUID().toString()),
                new StringSerializer(),
                new ByteArraySerializer());
        results.initTransactions();
    }

    List<ConsumerRecord<String, byte[]>> await(int count) {
        List<ConsumerRecord<String, byte[]>> read = new ArrayList<>();
        Instant end = Instant.now().plusSeconds(60);
        while (read.size() < count) {
            if (Instant.now().isAfter(end)) {
                throw new AssertionError("only " + read.size() + " of " + count + " records arrived");
            }
            requests.poll(POLL).forEach(read::add);
        }
        return read;
    }

    ConsumerRecord<String, byte[]> await() {
        return await(1).get(0);
    }

    void event(ConsumerRecord<String, byte[]> request, long attempt, long sequence, String text) throws Exception {
        EventMessage event = new EventMessage(id(request), attempt, 0, sequence, text, Optional.empty());
        events.send(new ProducerRecord<>(
                        topics.events(), null, event.id(), TopicJson.write(event), correlation(request)))
                .get();
    }

    void answer(ConsumerRecord<String, byte[]> request, String text) {
        answer(topics.results(), List.of(request), text);
    }

    void answer(String topic, List<ConsumerRecord<String, byte[]>> read, String text) {
        results.beginTransaction();
        for (ConsumerRecord<String, byte[]> request : read) {
            send(topic, request, SampleResults.completion(id(request), "m", text, source(request)));
        }
        results.commitTransaction();
    }

    void abortedAnswer(ConsumerRecord<String, byte[]> request, String text) {
        results.beginTransaction();
        send(topics.results(), request, SampleResults.completion(id(request), "m", text, source(request)));
        results.flush();
        results.abortTransaction();
    }

    void refuse(ConsumerRecord<String, byte[]> request, String code) {
        results.beginTransaction();
        send(
                topics.results(),
                request,
                ErrorResult.of(
                        id(request),
                        1,
                        Optional.empty(),
                        ErrorBody.invalidRequest(code, "model", "this one is wrong"),
                        Provenance.rejected(source(request), "base", "w", 1)));
        results.commitTransaction();
    }

    private void send(String topic, ConsumerRecord<String, byte[]> request, ResultMessage result) {
        results.send(new ProducerRecord<>(topic, null, result.id(), TopicJson.write(result), correlation(request)));
    }

    /** The header that a worker copies. */
    private static List<Header> correlation(ConsumerRecord<String, byte[]> request) {
        return List.of(request.headers().lastHeader(RequestMessage.CORRELATION_HEADER));
    }

    static String id(ConsumerRecord<String, byte[]> request) {
        return GenerationRequestTest.parse(request.value()).path("id").asText();
    }

    static Source source(ConsumerRecord<String, byte[]> request) {
        return new Source(request.topic(), request.partition(), request.offset());
    }

    static String header(ConsumerRecord<String, byte[]> record, String name) {
        return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        requests.close();
        events.close(Duration.ZERO);
        results.close(Duration.ZERO);
    }
}
