package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.stream.delivery.LoopWorker.Setup;
import io.tidemark.stream.delivery.partition.CommitMetadata;
import io.tidemark.stream.delivery.partition.CrashHistory;
import io.tidemark.stream.delivery.partition.LogIdentity;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("A reply topic that its owner has made unwritable")
@Timeout(90)
class UnwritableReplyTopicTest {

    /** No record and no marker, which has 78 bytes, is that small. */
    private static final Map<String, String> REFUSES_EVERYTHING = Map.of("max.message.bytes", "50");

    @AutoClose
    private static final LoopFixture CLUSTER = new LoopFixture();

    @AutoClose
    private LoopTopics topics;

    private LoopWorker worker;

    @Test
    @DisplayName("Costs only its own answers if it takes no record and no end of a transaction")
    void refusesEverything() {
        topics = CLUSTER.newCase(1);
        answerWithReplyTopic(REFUSES_EVERYTHING);
        assertErrors(6, 46);
        topics.send(0, 1);
        worker.awaitStarted(47);
        finish(worker, 46, 47);
        topics.awaitAnswered(47);
        worker.stop();
        assertReleased();
    }

    @Test
    @DisplayName("Costs only its own answers if it refuses timestamps before the current millisecond")
    void refusesTimestamps() {
        topics = CLUSTER.newCase(1);
        answerWithReplyTopic(Map.of("message.timestamp.before.max.ms", "0"));
        // a record of the current millisecond is taken
        List<String> codes = codes(0, 6);
        assertThat(codes).isNotEmpty().containsOnly("reply_topic_failed");
        assertThat(topics.visibleLetters()).hasSize(codes.size());
        assertThat(topics.answered()).hasSize(40 + codes.size()).doesNotHaveDuplicates();
        worker.stop();
        assertReleased();
    }

    /** Answers six requests that name a reply topic, and 40 others. */
    private void answerWithReplyTopic(Map<String, String> configs) {
        String reply = topics.addReplyTopic(1, configs);
        for (int i = 0; i < 6; i++) {
            topics.sendWithReply(reply);
        }
        topics.send(0, 40);
        worker = topics.startWorker(new Setup().maxRunning(46));
        worker.awaitStarted(46);
        finish(worker, 0, 46);
        topics.awaitNoLag();
    }

    @Test
    @DisplayName("Does not prevent the release of partitions, so that the next owner counts no death")
    void releases() {
        topics = CLUSTER.newCase(1);
        String reply = topics.addReplyTopic(1, REFUSES_EVERYTHING);
        topics.sendWithReply(reply);
        worker = topics.startWorker(new Setup().grace(Duration.ofSeconds(20)));
        worker.awaitStarted(1);
        worker.control().stop();
        finish(worker, 0, 1);
        worker.stop();
        topics.awaitAnswered(1);
        assertErrors(1, 1);
        assertReleased();
    }

    @Test
    @DisplayName("Leaves the new transactional id in commits: the next owner after a kill answers the rest once")
    void killed() {
        topics = CLUSTER.newCase(1);
        String reply = topics.addReplyTopic(1, REFUSES_EVERYTHING);
        topics.sendWithReply(reply);
        topics.send(0, 2);
        worker = topics.startWorker();
        worker.awaitStarted(3);
        finish(worker, 0, 2);
        topics.awaitAnswered(2);
        assertThat(CommitMetadata.of("", topics.committed(topics.partition(0))).owner())
                .as("one new id for the large result, one for its error")
                .contains(worker.transactionalId() + ".2");
        worker.kill();
        topics.removeMembers();
        LoopWorker next = topics.startWorker();
        next.awaitStarted("0@2");
        next.finish("0@2");
        topics.awaitAnswered(3);
        next.stop();
        assertErrors(1, 3);
        assertThat(CommitMetadata.of("", topics.committed(topics.partition(0))).owner())
                .isEmpty();
    }

    @Test
    @DisplayName("Costs only its own answers if it has fewer partitions than when the worker started")
    void fewerPartitions() {
        topics = CLUSTER.newCase(1);
        String reply = topics.addReplyTopic(3, Map.of());
        for (int i = 0; i < 3; i++) {
            topics.sendWithReply(reply, 2);
        }
        topics.send(0, 6);
        worker = topics.startWorker(new Setup().maxRunning(9));
        worker.awaitStarted(9);
        finish(worker, 2, 4);
        topics.awaitAnswered(1);
        topics.replaceReplyTopic(reply, 1);
        finish(worker, 0, 2);
        finish(worker, 4, 9);
        topics.awaitAnswered(8);
        assertThat(codes(0, 2)).containsOnly("reply_topic_failed");
        assertThat(topics.answered()).doesNotContain("0@2");
        assertThat(topics.visibleLetters()).hasSize(2);
        worker.stop();
        assertReleased();
    }

    @Test
    @DisplayName("Does not keep a worker from the partitions of a dead owner whose last transaction can't be ended")
    void stuckOwner() {
        topics = CLUSTER.newCase(1);
        String reply = topics.addReplyTopic(1, REFUSES_EVERYTHING);
        topics.send(0, 1);
        String dead = topics.group() + "-dead";
        try (KafkaProducer<byte[], byte[]> producer = CLUSTER.newTransactionalProducer(dead)) {
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(reply, new byte[1]));
            producer.flush();
            producer.abortTransaction();
        }
        CommitMetadata metadata = Deliveries.metadata(Optional.of(dead), false, CrashHistory.NONE, new BitSet());
        topics.setCommitted(topics.partition(0), new OffsetAndMetadata(0, metadata.toString()));
        worker = topics.startWorker();
        worker.awaitStarted(1);
        finish(worker, 0, 1);
        topics.awaitAnswered(1);
        worker.stop();
        assertThat(topics.answered()).containsExactly("0@0");
    }

    private static void finish(LoopWorker worker, int from, int to) {
        for (int i = from; i < to; i++) {
            worker.finish("0@" + i);
        }
    }

    /** The first requests have an error and a dead letter, and each request one result. */
    private void assertErrors(int errors, int all) {
        assertThat(topics.answered()).hasSize(all).doesNotHaveDuplicates();
        assertThat(codes(0, errors)).hasSize(errors).containsOnly("reply_topic_failed");
        assertThat(codes(errors, all)).isEmpty();
        assertThat(topics.visibleLetters()).hasSize(errors);
    }

    private List<String> codes(int from, int to) {
        return topics.visibleResults().stream()
                .filter(result -> {
                    long offset =
                            result.get("tidemark").get("source").get("offset").asLong();
                    return offset >= from && offset < to && result.has("error");
                })
                .map(result -> result.get("error").get("code"))
                .map(JsonNode::asText)
                .toList();
    }

    /** The last commit names no owner, so that the next owner counts no death. */
    private void assertReleased() {
        CommitMetadata metadata = CommitMetadata.of("", topics.committed(topics.partition(0)));
        assertThat(metadata.in(LogIdentity.NONE)).isEqualTo(CommitMetadata.NONE);
    }
}
