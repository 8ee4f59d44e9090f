package io.tidemark.benchmark.scaling;

/**
 * Properties of every worker.
 *
 * @param maxNumSeqs    running sequences, as in {@code tidemark.engine.max-num-seqs}
 * @param maxQueued     requests that wait in the engine, as in {@code tidemark.engine.max-queued-requests}
 * @param startSeconds  from the creation of the pod until the worker joins the consumer group
 * @param shutdownGrace time of open requests after SIGTERM, as in {@code tidemark.worker.shutdown-grace}
 */
public record WorkerSettings(
        Throughput throughput, int maxNumSeqs, int maxQueued, double startSeconds, double shutdownGrace) {

    public WorkerSettings {
        if (maxNumSeqs < 1 || maxQueued < 0 || !(startSeconds >= 0) || !(shutdownGrace >= 0)) {
            throw new IllegalArgumentException("a worker needs a sequence, and no negative limits and times");
        }
    }
}
