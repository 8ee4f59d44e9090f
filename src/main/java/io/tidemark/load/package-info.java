/**
 * The load of a worker: the work that waits for it and the tokens per second that it can process, as exported for
 * scaling. Depends on {@code generation}, whose {@link io.tidemark.generation.EngineLoad} it reads, and on Kafka's
 * names of partitions. Start with {@link io.tidemark.load.WorkEstimate}.
 */
package io.tidemark.load;
