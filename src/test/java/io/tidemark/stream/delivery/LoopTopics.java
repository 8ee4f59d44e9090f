package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.stream.TopicClient;
import io.tidemark.stream.settings.ValidationTopics;
import io.tidemark.stream.topics.TopicLayout;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.awaitility.Awaitility;

/**
 * Topics of a cluster, a consumer group and its workers. What workers have written is read by a consumer that shares no
 * code with them.
 */
final class LoopTopics implements AutoCloseable {

    private static final String LETTERS = "letters";

    private final LoopFixture cluster;
    private final String name;
    private final List<String> requestTopics = new ArrayList<>();
    private final TopicLayout layout;
    private final List<LoopWorker> workers = new ArrayList<>();
    private final KafkaConsumer<byte[], byte[]> reader;
    private final List<ConsumerRecord<byte[], byte[]>> read = new ArrayList<>();
    private Map<String, Integer> replies;

    LoopTopics(LoopFixture cluster, String name, int partitions, int topics, Map<String, String> configs) {
        this.cluster = cluster;
        this.name = name;
        for (int i = 0; i < topics; i++) {
            requestTopics.add(name + "-requests" + i);
            cluster.create(new NewTopic(requestTopics.get(i), partitions, (short) 1));
        }
        for (String topic : List.of("results", LETTERS)) {
            Map<String, String> own = new HashMap<>();
            configs.forEach((key, value) -> {
                if (key.startsWith(topic + ".")) {
                    own.put(key.substring(topic.length() + 1), value);
                }
            });
            cluster.create(new NewTopic(name + "-" + topic, 1, (short) 1).configs(own));
        }
        replies = Map.of(results(), 1);
        layout = new TopicLayout(
                requestTopics,
                name + "-events",
                results(),
                name + "-cancellations",
                name + "-" + LETTERS,
                new ValidationTopics(List.of(new ValidationTopics.ValidationTopic(name + "-batches", ""))),
                name + "-batch-letters",
                name + "-boundaries",
                name + "-state",
                name + "-decisions",
                name + "-adapters",
                name + "-workers",
                partitions,
                1,
                (short) 1);
        reader = new KafkaConsumer<>(
                Map.of(
                        "bootstrap.servers",
                        cluster.bootstrapServers(),
                        "auto.offset.reset",
                        "earliest",
                        "isolation.level",
                        "read_committed"),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer());
        reader.assign(List.of(new TopicPartition(results(), 0), new TopicPartition(name + "-" + LETTERS, 0)));
    }

    String group() {
        return name;
    }

    /** The name of the base model. */
    String model() {
        return cluster.model().name();
    }

    String results() {
        return name + "-results";
    }

    /** The topics to which results may go, with their numbers of partitions. */
    Map<String, Integer> replies() {
        return replies;
    }

    TopicLayout layout() {
        return layout;
    }

    TopicPartition partition(int number) {
        return new TopicPartition(requestTopics.get(0), number);
    }

    /** Permits a reply topic, which is created. */
    String addReplyTopic() {
        return addReplyTopic(1, Map.of());
    }

    /** Permits a reply topic, which is created with these configs. */
    String addReplyTopic(int partitions, Map<String, String> configs) {
        String topic = name + "-reply";
        cluster.create(new NewTopic(topic, partitions, (short) 1).configs(configs));
        replies = Map.of(results(), 1, topic, partitions);
        return topic;
    }

    /** Deletes a topic. Returns when the broker has no log of it, so that further records are refused. */
    void delete(String topic) {
        LoopFixture.await(cluster.admin().deleteTopics(List.of(topic)).all());
        Awaitility.await()
                .atMost(LoopFixture.TIMEOUT)
                .until(() ->
                        LoopFixture.await(cluster.admin()
                                        .describeLogDirs(cluster.brokers())
                                        .allDescriptions())
                                .values()
                                .stream()
                                .flatMap(folders -> folders.values().stream())
                                .flatMap(folder -> folder.replicaInfos().keySet().stream())
                                .noneMatch(partition -> partition.topic().equals(topic)));
    }

    /** Deletes a reply topic and creates it again. */
    void replaceReplyTopic(String topic, int partitions) {
        delete(topic);
        cluster.create(new NewTopic(topic, partitions, (short) 1));
    }

    /** Deletes the results topic. What was read from it is forgotten. */
    void deleteResults() {
        delete(results());
        read.clear();
    }

    void createResults() {
        cluster.create(new NewTopic(results(), 1, (short) 1));
        reader.seekToBeginning(reader.assignment());
    }

    /** Writes requests for the base model. Returns when they are in the topic. */
    void send(int partition, int count) {
        for (int i = 0; i < count; i++) {
            send(0, partition, "");
        }
    }

    /** @param fields more fields of the request, each with a comma before it */
    void send(int topic, int partition, String fields) {
        write(new ProducerRecord<>(
                requestTopics.get(topic),
                partition,
                null,
                TopicClient.bytes(
                        "{\"model\": \"" + model() + "\", \"prompt\": \"x\", \"max_tokens\": 4" + fields + "}")));
    }

    /** Writes requests, two in a transaction. A fifth of the transactions, and the last one, are aborted. */
    void sendInTransactions(int partition, int count) {
        TopicPartition to = partition(partition);
        try (KafkaProducer<byte[], byte[]> client = cluster.newTransactionalProducer(name + "-" + to)) {
            byte[] request = TopicClient.bytes("{\"model\": \"" + model() + "\", \"prompt\": \"x\"}");
            for (int sent = 0; sent <= count; sent += 2) {
                if (sent % 8 == 0 || sent == count) {
                    beginWithTwo(client, to, request);
                    client.flush();
                    client.abortTransaction();
                }
                if (sent < count) {
                    beginWithTwo(client, to, request);
                    client.commitTransaction();
                }
            }
        }
    }

    private static void beginWithTwo(KafkaProducer<byte[], byte[]> client, TopicPartition to, byte[] request) {
        client.beginTransaction();
        client.send(new ProducerRecord<>(to.topic(), to.partition(), null, request));
        client.send(new ProducerRecord<>(to.topic(), to.partition(), null, request));
    }

    /** Deletes the records of a partition before an offset, as retention does. */
    void expire(TopicPartition partition, long before) {
        LoopFixture.await(cluster.admin()
                .deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(before)))
                .all());
    }

    /** Deletes the first request topic and creates it again. What was read of its results is forgotten. */
    void createRequestsAgain() {
        String topic = requestTopics.get(0);
        delete(topic);
        cluster.create(new NewTopic(topic, layout.partitions(), (short) 1));
    }

    /** A client whose transactions the test begins and ends. */
    KafkaProducer<byte[], byte[]> newTransactionalClient() {
        return cluster.newTransactionalProducer(name + "-client");
    }

    /** Waits until the ends of the partitions of the first request topic are committed. */
    void awaitNoLag() {
        for (int partition = 0; partition < layout.partitions(); partition++) {
            TopicPartition each = partition(partition);
            long end = LoopFixture.await(cluster.admin()
                            .listOffsets(Map.of(each, OffsetSpec.latest()))
                            .partitionResult(each))
                    .offset();
            Awaitility.await()
                    .atMost(LoopFixture.TIMEOUT)
                    .untilAsserted(() -> assertThat(committed(each))
                            .as("%s, open requests %s", each, openRequests())
                            .extracting(OffsetAndMetadata::offset)
                            .isEqualTo(end));
        }
    }

    private List<String> openRequests() {
        return workers.stream()
                .map(worker -> worker.name() + ": " + worker.status().runningRequests() + " "
                        + worker.status().disruption())
                .toList();
    }

    void sendWithReply(String topic) {
        sendWithReply(List.of(new RecordHeader("kafka_replyTopic", TopicClient.bytes(topic))));
    }

    void sendWithReply(String topic, int partition) {
        sendWithReply(List.of(
                new RecordHeader("kafka_replyTopic", TopicClient.bytes(topic)),
                new RecordHeader(
                        "kafka_replyPartition",
                        ByteBuffer.allocate(4).putInt(partition).array())));
    }

    private void sendWithReply(List<Header> headers) {
        write(new ProducerRecord<>(
                requestTopics.get(0),
                0,
                (byte[]) null,
                TopicClient.bytes("{\"model\": \"" + model() + "\", \"prompt\": \"x\"}"),
                headers));
    }

    void write(ProducerRecord<byte[], byte[]> record) {
        cluster.write(record);
    }

    LoopWorker startWorker() {
        return startWorker(new LoopWorker.Setup());
    }

    LoopWorker startWorker(LoopWorker.Setup setup) {
        LoopWorker worker = new LoopWorker(cluster, this, setup, "w" + workers.size());
        workers.add(worker);
        worker.start();
        return worker;
    }

    OffsetAndMetadata committed(TopicPartition partition) {
        OffsetAndMetadata offset = LoopFixture.await(
                        cluster.admin().listConsumerGroupOffsets(name).partitionsToOffsetAndMetadata())
                .get(partition);
        return offset == null ? new OffsetAndMetadata(0) : offset;
    }

    void setCommitted(TopicPartition partition, OffsetAndMetadata offset) {
        LoopFixture.await(cluster.admin()
                .alterConsumerGroupOffsets(name, Map.of(partition, offset))
                .all());
    }

    /** Removes all members from the group; they join again when they poll. */
    void removeMembers() {
        try {
            LoopFixture.await(cluster.admin()
                    .removeMembersFromConsumerGroup(name, new RemoveMembersFromConsumerGroupOptions())
                    .all());
        } catch (IllegalStateException e) {
            // the client's answer for a group without members
            assertThat(e.getCause()).hasCauseInstanceOf(IllegalArgumentException.class);
        }
    }

    /** The client ids of the members of the group. */
    List<String> clientIds() {
        return LoopFixture.await(cluster.admin()
                        .describeConsumerGroups(List.of(name))
                        .describedGroups()
                        .get(name))
                .members()
                .stream()
                .map(MemberDescription::clientId)
                .toList();
    }

    /** All committed results so far. */
    List<JsonNode> visibleResults() {
        return visible("results").stream()
                .map(record -> TopicClient.json(record.value()))
                .toList();
    }

    List<ConsumerRecord<byte[], byte[]>> visibleLetters() {
        return visible(LETTERS);
    }

    private List<ConsumerRecord<byte[], byte[]>> visible(String topic) {
        Map<TopicPartition, Long> ends = reader.endOffsets(reader.assignment());
        while (ends.entrySet().stream().anyMatch(end -> reader.position(end.getKey()) < end.getValue())) {
            reader.poll(Duration.ofMillis(50)).forEach(read::add);
        }
        return read.stream()
                .filter(record -> record.topic().equals(name + "-" + topic))
                .toList();
    }

    /** The requests that have a result, as {@code PARTITION@OFFSET}, with repetitions. */
    List<String> answered() {
        return Deliveries.sources(visibleResults());
    }

    /** The results of a request. */
    List<JsonNode> results(int partition, long offset) {
        return visibleResults().stream()
                .filter(result -> {
                    JsonNode source = result.get("tidemark").get("source");
                    return source.get("partition").asInt() == partition
                            && source.get("offset").asLong() == offset;
                })
                .toList();
    }

    void awaitAnswered(int count) {
        Awaitility.await().atMost(LoopFixture.TIMEOUT).until(() -> answered().size() >= count);
    }

    /** Ends the workers that are still alive. */
    @Override
    public void close() {
        workers.forEach(LoopWorker::kill);
        reader.close();
    }
}
