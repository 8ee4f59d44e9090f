/**
 * What each process has and whether it lives: the topic {@code worker-state}. Depends on Kafka's clients, {@code
 * stream.topics}, {@code topic}, {@code message}, {@code text} and {@code time}. Start reading at {@link
 * io.tidemark.stream.state.WorkerStateWriter}.
 */
package io.tidemark.stream.state;
