package io.tidemark.cli.sending;

import io.tidemark.cli.console.CommandException;
import io.tidemark.client.BatchOutcome;
import io.tidemark.client.ClientException;
import io.tidemark.client.Cluster;
import io.tidemark.client.KafkaTidemarkClient;
import io.tidemark.client.Limits;
import io.tidemark.client.TidemarkClient;
import io.tidemark.client.Topics;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;

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

    /** Receives what the calibrators did with each batch, in the order of sending. */
    @FunctionalInterface
    public interface OutcomeListener {

        /** Called on the thread that sends. False if no further batch is to be sent. */
        boolean onOutcome(BatchOutcome outcome, List<Integer> lines);
    }

    /** A batch whose outcome is not known. */
    private record OpenBatch(CompletionStage<BatchOutcome> outcome, List<Integer> lines) {}

    /**
     * Sends all batches, with at most 64 of them in memory, and returns when each that was sent is processed.
     *
     * @param timeout maximum time without progress
     * @throws ClientException when no batch was processed for that long
     */
    public void calibrate(Iterator<ExampleOrder.LinedBatch> batches, OutcomeListener listener, Duration timeout) {
        TidemarkClient client = KafkaTidemarkClient.builder(cluster)
                .topics(topics)
                .calibratorGroup(group)
                .limits(Limits.DEFAULT.withTime(timeout))
                .validationOnly()
                .build();
        try {
            Queue<OpenBatch> open = new ArrayDeque<>();
            boolean isSending = true;
            while (isSending && batches.hasNext() || !open.isEmpty()) {
                while (isSending && batches.hasNext() && open.size() < MAX_OPEN) {
                    ExampleOrder.LinedBatch batch = batches.next();
                    open.add(new OpenBatch(client.validate(batch.batch(), timeout), batch.lines()));
                }
                OpenBatch first = open.remove();
                isSending &= listener.onOutcome(await(first.outcome()), first.lines());
            }
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
