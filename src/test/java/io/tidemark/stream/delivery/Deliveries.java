package io.tidemark.stream.delivery;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.AdapterSuggestions;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.Catalogs;
import io.tidemark.generation.Engine;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.UnknownField;
import io.tidemark.request.Admission;
import io.tidemark.request.Answer;
import io.tidemark.request.Answers;
import io.tidemark.request.RequestFixtures;
import io.tidemark.request.RequestListener;
import io.tidemark.request.RequestParser;
import io.tidemark.request.RequestRunner;
import io.tidemark.request.Tenant;
import io.tidemark.stream.delivery.partition.CommitMetadata;
import io.tidemark.stream.delivery.partition.CrashHistory;
import io.tidemark.stream.delivery.partition.LogIdentity;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.reply.Delivery;
import io.tidemark.stream.delivery.reply.EventWriter;
import io.tidemark.stream.delivery.reply.ReplyRouting;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.time.Time;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** Makes deliveries of request records, and their answers, for tests. */
public final class Deliveries {

    public static final TransactionalId PROCESS = new TransactionalId("group", "worker");
    static final int MAX_REQUEST_BYTES = 2 << 20;

    private Deliveries() {}

    /** Topics in order of priority, each of which is a rank and a tenant without limits. */
    public static Tenants tenants(List<String> topics) {
        return new Tenants(
                "",
                topics.stream()
                        .map(topic -> List.of(new Tenants.TopicShare(
                                topic,
                                1,
                                List.of(new Tenants.TenantShare(
                                        "", Tenant.unlimited(topic), 1, OptionalLong.empty())))))
                        .toList());
    }

    /** Metadata that does not name its log. */
    public static CommitMetadata metadata(Optional<String> owner, boolean idle, CrashHistory crashes, BitSet finished) {
        return new CommitMetadata(owner, idle, crashes, finished, LogIdentity.NONE);
    }

    /** Runs requests for the base model and for adapters without a boundary. */
    public static RequestRunner runner(
            LanguageModel model,
            AdapterStore adapters,
            Engine engine,
            String worker,
            RequestRunner.RequestThreads threads,
            Time time,
            Consumer<Throwable> onFailure) {
        return new RequestRunner(
                new RequestParser(MAX_REQUEST_BYTES, UnknownField.Rule.IGNORE),
                new Admission(
                        model,
                        Catalogs.ofFolders(adapters),
                        new BoundaryTable(),
                        RequestFixtures.noFormats(),
                        AdapterSuggestions.NONE,
                        RequestListener.NONE),
                adapters::lease,
                engine,
                new Answers(model.name(), model.config().numLayers(), worker, time),
                threads,
                time,
                onFailure);
    }

    /** The sources of results, as {@code PARTITION@OFFSET}, with repetitions. */
    public static List<String> sources(List<JsonNode> results) {
        return results.stream()
                .map(result -> result.at("/tidemark/source"))
                .map(source -> source.get("partition") + "@" + source.get("offset"))
                .toList();
    }

    public static BitSet bits(int... set) {
        BitSet bits = new BitSet();
        for (int bit : set) {
            bits.set(bit);
        }
        return bits;
    }

    public static PartitionProgress progress(TopicPartition partition) {
        return new PartitionProgress(partition, PROCESS, 0, CommitMetadata.NONE);
    }

    /** A routing without reply topics, whose events are dropped. */
    public static ReplyRouting toResults(String results) {
        return new ReplyRouting(List.of(), new ReplyTopics(results, Map.of(results, 1)), new EventWriter(event -> {}));
    }

    public static Delivery delivery(PartitionProgress progress, long offset) {
        TopicPartition partition = progress.partition();
        return delivery(
                progress,
                new ConsumerRecord<>(partition.topic(), partition.partition(), offset, null, new byte[1]),
                toResults("generation-results"));
    }

    public static Delivery delivery(
            PartitionProgress progress, ConsumerRecord<byte[], byte[]> record, ReplyRouting routing) {
        return new Delivery(record, progress, routing.reply(record), 1, 0, Tenant.unlimited(record.topic()), 1 << 17);
    }

    /** An answer with an error. */
    public static Answer error(Delivery delivery) {
        return new Answers("base", 2, "w", Time.system())
                .rejected(
                        delivery.request(),
                        "r" + delivery.offset(),
                        Optional.empty(),
                        ErrorBody.serverError("engine_error", "it broke"),
                        List.of());
    }
}
