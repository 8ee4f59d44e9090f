package io.tidemark.load;

import io.tidemark.generation.EngineLoad;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Estimates the work that waits for this worker: the tokens that requests in the engine still need, the records that
 * are not in the engine, the mean tokens of a record, and the tokens per second that the worker can process. A request
 * in the engine counts with its prompt and the mean length of recent completions. Thread-safe.
 */
public final class WorkEstimate {

    /** The length of a completion before the first one has ended. */
    static final double FIRST_COMPLETION = 256;

    /** How many records without a rejection count as seen at the start, so that one rejection says little. */
    private static final int FIRST_GENERATED = 8;

    private final EngineLoad engine;
    private final Capacity capacity = new Capacity();
    /** How many tokens an answered request had, with its prompt. */
    private final RecentMean requestTokens = new RecentMean(0, 0);
    /** How many tokens a choice of an answered request had. */
    private final RecentMean choiceTokens = new RecentMean(FIRST_COMPLETION, 0);
    /** The share of the records that were not rejected. */
    private final RecentMean generated = new RecentMean(1, FIRST_GENERATED);

    private volatile Map<String, Double> unread = Map.of();
    private volatile Map<String, Integer> unstarted = Map.of();

    /** A mean that weights newer values more: about the last {@value #LENGTH}. */
    private static final class RecentMean {

        private static final int LENGTH = 64;

        private double mean;
        private int count;

        /** @param weight how many values the first one counts as */
        private RecentMean(double first, int weight) {
            mean = first;
            count = weight;
        }

        private void add(double value) {
            count = Math.min(LENGTH, count + 1);
            mean += (value - mean) / count;
        }
    }

    public WorkEstimate(EngineLoad engine) {
        this.engine = engine;
    }

    /**
     * Counts a request that has been answered.
     *
     * @param prompt     tokens of the prompt
     * @param completion tokens of all choices together
     * @param choices    number of choices, 1 or more
     */
    public synchronized void answered(int prompt, int completion, int choices) {
        requestTokens.add((double) prompt + completion);
        choiceTokens.add((double) completion / choices);
        generated.add(1);
    }

    /** Counts a record that has been answered without tokens, for example because it was invalid. */
    public synchronized void rejected() {
        generated.add(0);
    }

    /** Sets an estimate of the records of each topic that this worker has not read. */
    public void unread(Map<String, Double> records) {
        unread = Map.copyOf(records);
    }

    /** Sets the records of each topic that were read and do not run. */
    public void unstarted(Map<String, Integer> records) {
        unstarted = Map.copyOf(records);
    }

    /**
     * Measures the engine. Called about once a second by one thread.
     *
     * @param nanos the time since an arbitrary moment, which is the same for all calls
     */
    public void sample(long nanos) {
        long processed = engine.tokensProcessed();
        boolean saturated = engine.isSaturated();
        synchronized (this) {
            capacity.sample(nanos, processed, saturated);
        }
    }

    /** Tokens that the requests in the engine still need. */
    public double outstandingTokens() {
        return engine.tokensLeft(usualChoice());
    }

    /** Records of a topic that have not started in this worker. */
    public double waitingRecords(String topic) {
        return unread.getOrDefault(topic, 0.0) + unstarted.getOrDefault(topic, 0);
    }

    /** Mean tokens of recent records, those without tokens included; empty before the first answer with tokens. */
    public synchronized OptionalDouble tokensPerRecord() {
        return requestTokens.count == 0
                ? OptionalDouble.empty()
                : OptionalDouble.of(requestTokens.mean * generated.mean);
    }

    /** Tokens per second that this worker can process; empty until it has been measured, see {@link Capacity}. */
    public synchronized OptionalDouble tokensPerSecond() {
        return capacity.tokensPerSecond();
    }

    private synchronized double usualChoice() {
        return choiceTokens.mean;
    }
}
