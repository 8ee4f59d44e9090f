package io.tidemark.cli.sending;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.cli.console.CommandException;
import io.tidemark.client.BatchOutcome;
import io.tidemark.client.ClientException;
import io.tidemark.client.Cluster;
import io.tidemark.client.KafkaTidemarkClient;
import io.tidemark.client.Limits;
import io.tidemark.client.TidemarkClient;
import io.tidemark.client.Topics;
import io.tidemark.message.RawValidationBatch;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.IntConsumer;

/** Sends validation batches and waits until the calibrators have processed them. */
public final class CalibrationClient {

    private final Cluster cluster;
    private final Topics topics;
    private final String group;

    /** @param group the calibrators' consumer group */
    public CalibrationClient(Cluster cluster, Topics topics, String group) {
        this.cluster = cluster;
        this.topics = topics;
        this.group = group;
    }

    /** Splits examples into batches with unique ids; the last batch has the remainder. */
    public static List<RawValidationBatch> split(String adapter, List<JsonNode> examples, int batchSize) {
        String run = UUID.randomUUID().toString().substring(0, 8);
        List<RawValidationBatch> batches = new ArrayList<>();
        for (int from = 0; from < examples.size(); from += batchSize) {
            int to = Math.min(from + batchSize, examples.size());
            batches.add(new RawValidationBatch(
                    adapter + "-" + run + "-" + batches.size(), adapter, examples.subList(from, to)));
        }
        return batches;
    }

    /**
     * Sends all batches and returns when each is processed.
     *
     * @param progress receives the number of processed examples whenever it grows, on the calling thread
     * @param timeout  maximum time without progress
     * @return the refused batches, each with the reason
     * @throws ClientException when no batch was processed for that long
     */
    public Map<RawValidationBatch, String> calibrate(
            List<RawValidationBatch> batches, IntConsumer progress, Duration timeout) {
        Map<RawValidationBatch, String> refused = new LinkedHashMap<>();
        int examples = 0;
        try (Session session = new Session(timeout)) {
            List<CompletionStage<BatchOutcome>> outcomes = new ArrayList<>();
            for (RawValidationBatch batch : batches) {
                outcomes.add(session.client.validate(batch, timeout));
            }
            for (CompletionStage<BatchOutcome> each : outcomes) {
                BatchOutcome outcome = await(each);
                if (outcome instanceof BatchOutcome.Rejected rejected) {
                    refused.put(rejected.batch(), rejected.message());
                }
                examples += outcome.batch().examples().size();
                progress.accept(examples);
            }
            return refused;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandException("interrupted", e);
        }
    }

    private static BatchOutcome await(CompletionStage<BatchOutcome> outcome) throws InterruptedException {
        try {
            return outcome.toCompletableFuture().get();
        } catch (java.util.concurrent.ExecutionException e) {
            throw e.getCause() instanceof ClientException known ? known : new CompletionException(e.getCause());
        }
    }

    /** Gives up at once when it is closed. */
    private final class Session implements AutoCloseable {

        private final TidemarkClient client;

        private Session(Duration timeout) {
            this.client = KafkaTidemarkClient.builder(cluster)
                    .topics(topics)
                    .calibratorGroup(group)
                    .limits(Limits.DEFAULT.withTime(timeout))
                    .validationOnly()
                    .build();
        }

        @Override
        public void close() {
            client.close(Duration.ZERO);
        }
    }
}
