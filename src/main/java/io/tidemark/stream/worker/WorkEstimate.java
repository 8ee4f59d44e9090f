package io.tidemark.stream.worker;

import io.tidemark.generation.Engine;
import io.tidemark.generation.EngineStats;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Estimates the work that waits for this worker: the tokens that requests in the engine still need, the records that
 * are not in the engine, and the mean tokens of a record. A request in the engine counts with its prompt and the mean
 * length of recent completions. Thread-safe.
 */
final class WorkEstimate {

    /** The length of a completion before the first one has ended. */
    static final double FIRST_COMPLETION = 256;

    /** Records without a rejection that count as seen at the start, so that one rejection says little. */
    private static final int FIRST_GENERATED = 8;

    private final Engine engine;
    private final Capacity capacity = new Capacity();
    /** Prompt and completion of answered requests. */
    private final RecentMean requestTokens = new RecentMean(0, 0);
    /** Of the choices of answered requests. */
    private final RecentMean choiceTokens = new RecentMean(FIRST_COMPLETION, 0);
    /** Share of the records that were not rejected. */
    private final RecentMean generated = new RecentMean(1, FIRST_GENERATED);

    private volatile Map<String, Double> unread = Map.of();
    private volatile Map<String, Integer> unstarted = Map.of();

    /** A mean that weights newer values more: about the last {@value #LENGTH}. */
    private static final class RecentMean {

        private static final int LENGTH = 64;

        private double mean;
        private int count;

        /** @param weight of the first value, in values */
        private RecentMean(double first, int weight) {
            mean = first;
            count = weight;
        }

        private void add(double value) {
            count = Math.min(LENGTH, count + 1);
            mean += (value - mean) / count;
        }
    }

    WorkEstimate(Engine engine) {
        this.engine = engine;
    }

    /** Called when a request has been answered. */
    synchronized void answered(int prompt, int completion, int choices) {
        requestTokens.add((double) prompt + completion);
        choiceTokens.add((double) completion / choices);
        generated.add(1);
    }

    /** Called when a record has been answered without tokens, for example because it was invalid. */
    synchronized void rejected() {
        generated.add(0);
    }

    /** Sets an estimate of the records of each topic that this worker has not read. */
    void unread(Map<String, Double> records) {
        unread = Map.copyOf(records);
    }

    /** Sets the records of each topic that were read and do not run. */
    void unstarted(Map<String, Integer> records) {
        unstarted = Map.copyOf(records);
    }

    /** Looks at the engine. Called about once a second. */
    void sample(long nanos) {
        EngineStats stats = engine.stats();
        synchronized (this) {
            capacity.sample(nanos, stats.tokens(), stats.saturated());
        }
    }

    /** Tokens that the requests in the engine still need. */
    double outstandingTokens() {
        return engine.tokensLeft(usualChoice());
    }

    /** Records of a topic that have not started in this worker. */
    double waitingRecords(String topic) {
        return unread.getOrDefault(topic, 0.0) + unstarted.getOrDefault(topic, 0);
    }

    /** Mean tokens of recent records, those without tokens included; empty before the first answer with tokens. */
    synchronized OptionalDouble tokensPerRecord() {
        return requestTokens.count == 0
                ? OptionalDouble.empty()
                : OptionalDouble.of(requestTokens.mean * generated.mean);
    }

    /** What this worker can do; empty until it has been measured. */
    synchronized OptionalDouble tokensPerSecond() {
        return capacity.tokensPerSecond();
    }

    private synchronized double usualChoice() {
        return choiceTokens.mean;
    }
}
