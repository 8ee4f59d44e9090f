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
import io.tidemark.message.UncountedExamples;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.IntConsumer;

/** Sends validation batches and waits until the calibrators have processed them. */
public final class CalibrationClient {

    private static final int MAX_OPEN = 64;

    private final Cluster cluster;
    private final Topics topics;
    private final String group;

    /** @param group the calibrators' consumer group */
    public CalibrationClient(Cluster cluster, Topics topics, String group) {
        this.cluster = cluster;
        this.topics = topics;
        this.group = group;
    }

    /** Receives refused batches. */
    @FunctionalInterface
    public interface RefusalListener {

        /**
         * A batch was refused.
         *
         * @param first  the place of its first example among those of all batches, from 1
         * @param reason why, for people
         */
        void onRefused(RawValidationBatch batch, long first, String reason);
    }

    /**
     * The examples of the batches that the calibrators have counted.
     *
     * @param examples number of examples, repeats included
     * @param uncounted those that add nothing; empty if they are unknown for a batch
     */
    public record CountedBatch(int examples, Optional<UncountedExamples> uncounted) {

        private CountedBatch plus(BatchOutcome.Counted batch) {
            return new CountedBatch(
                    examples + batch.batch().examples().size(),
                    uncounted.flatMap(before -> batch.uncounted().map(before::plus)));
        }
    }

    /** Splits examples into batches with unique ids, one batch at a time; the last batch has the remainder. */
    public static Iterator<RawValidationBatch> split(
            String adapter, Iterator<? extends JsonNode> examples, int batchSize) {
        String run = UUID.randomUUID().toString().substring(0, 8);
        int[] number = {0};
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return examples.hasNext();
            }

            @Override
            public RawValidationBatch next() {
                List<JsonNode> batch = new ArrayList<>();
                while (batch.size() < batchSize && examples.hasNext()) {
                    batch.add(examples.next());
                }
                return new RawValidationBatch(adapter + "-" + run + "-" + number[0]++, adapter, batch);
            }
        };
    }

    /**
     * Sends all batches, with at most 64 of them in memory, and returns when each is processed.
     *
     * @param refused  receives each refused batch, on the calling thread
     * @param progress receives the number of processed examples whenever it grows, on the calling thread
     * @param timeout  maximum time without progress
     * @throws ClientException when no batch was processed for that long
     */
    public CountedBatch calibrate(
            Iterator<RawValidationBatch> batches, RefusalListener refused, IntConsumer progress, Duration timeout) {
        int examples = 0;
        CountedBatch counted = new CountedBatch(0, Optional.of(UncountedExamples.NONE));
        TidemarkClient client = KafkaTidemarkClient.builder(cluster)
                .topics(topics)
                .calibratorGroup(group)
                .limits(Limits.DEFAULT.withTime(timeout))
                .validationOnly()
                .build();
        try {
            Queue<CompletionStage<BatchOutcome>> open = new ArrayDeque<>();
            while (batches.hasNext() || !open.isEmpty()) {
                while (batches.hasNext() && open.size() < MAX_OPEN) {
                    open.add(client.validate(batches.next(), timeout));
                }
                BatchOutcome outcome = await(open.remove());
                if (outcome instanceof BatchOutcome.Counted batch) {
                    counted = counted.plus(batch);
                } else if (outcome instanceof BatchOutcome.Rejected rejected) {
                    refused.onRefused(rejected.batch(), examples + 1, rejected.message());
                }
                examples += outcome.batch().examples().size();
                progress.accept(examples);
            }
            return counted;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandException("interrupted", e);
        } finally {
            client.close(Duration.ZERO);
        }
    }

    private static BatchOutcome await(CompletionStage<BatchOutcome> outcome) throws InterruptedException {
        try {
            return outcome.toCompletableFuture().get();
        } catch (java.util.concurrent.ExecutionException e) {
            throw e.getCause() instanceof ClientException known ? known : new CompletionException(e.getCause());
        }
    }
}
