package io.tidemark.stream.worker;

import io.tidemark.generation.Engine;
import io.tidemark.generation.EngineStats;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Estimates the work that waits for this worker in tokens, and the seconds that it takes. A request that has not been
 * tokenized counts with the mean tokens of recent requests, and a running one with its prompt and the mean length of
 * recent completions. Thread-safe.
 */
final class WorkEstimate {

    /** The length of a completion before the first one has ended. */
    static final double FIRST_COMPLETION = 256;
    /** The length of a prompt before the first request has ended. */
    static final double FIRST_PROMPT = 256;

    private final Engine engine;
    private final Capacity capacity = new Capacity();
    /** Of all answered records, those included that were rejected. */
    private final RecentMean promptTokens = new RecentMean(FIRST_PROMPT);

    private final RecentMean completionTokens = new RecentMean(FIRST_COMPLETION);
    /** Of the choices of answered requests. */
    private final RecentMean choiceTokens = new RecentMean(FIRST_COMPLETION);

    private Map<String, Double> unread = Map.of();
    private int readAhead;

    /** A mean that weights newer values more: about the last {@value #LENGTH}. */
    private static final class RecentMean {

        private static final int LENGTH = 64;

        private double mean;
        private int count;

        private RecentMean(double first) {
            mean = first;
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
        promptTokens.add(prompt);
        completionTokens.add(completion);
        choiceTokens.add((double) completion / choices);
    }

    /** Called when a record has been answered without tokens, for example because it was invalid. */
    synchronized void rejected() {
        promptTokens.add(0);
        completionTokens.add(0);
    }

    /**
     * Sets the records that wait.
     *
     * @param unreadRecords an estimate of the records of each topic that this worker will read
     * @param readRequests  requests that were read and have not started
     */
    synchronized void waiting(Map<String, Double> unreadRecords, int readRequests) {
        unread = Map.copyOf(unreadRecords);
        readAhead = readRequests;
    }

    /**
     * Looks at the engine. Called about once a second.
     *
     * @param full whether the worker starts no further request until one has ended
     */
    void sample(long nanos, boolean full) {
        EngineStats stats = engine.stats();
        synchronized (this) {
            capacity.sample(nanos, stats.tokens(), full || stats.saturated());
        }
    }

    /**
     * Tokens that the requests, which were read and have not ended, still need.
     *
     * @param admitting requests that have started and that the engine does not have yet
     */
    double outstandingTokens(int admitting) {
        return waitingTokens(admitting) + engine.tokensLeft(usualChoice());
    }

    /** Tokens of the records of a topic that this worker will read. */
    synchronized double topicTokens(String topic) {
        return unread.getOrDefault(topic, 0.0) * tokensPerRecord();
    }

    /** What this worker can do; empty until it has been measured. */
    synchronized OptionalDouble tokensPerSecond() {
        return capacity.tokensPerSecond();
    }

    /** The time that this worker needs for all of it; empty until its capacity has been measured. */
    OptionalDouble seconds(int admitting) {
        double tokens = outstandingTokens(admitting) + allTopicTokens();
        OptionalDouble rate = tokensPerSecond();
        return rate.isPresent() ? OptionalDouble.of(tokens / rate.getAsDouble()) : OptionalDouble.empty();
    }

    private synchronized double allTopicTokens() {
        return unread.values().stream().mapToDouble(Double::doubleValue).sum() * tokensPerRecord();
    }

    private synchronized double waitingTokens(int admitting) {
        return (readAhead + admitting) * tokensPerRecord();
    }

    private synchronized double usualChoice() {
        return choiceTokens.mean;
    }

    private double tokensPerRecord() {
        return promptTokens.mean + completionTokens.mean;
    }
}
