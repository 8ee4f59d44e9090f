/**
 * The service that answers requests: consumption from Kafka, admission, the life cycle of requests, and the producer of
 * results, events and dead letters. The package depends on the engine, the model, the adapters and the boundary table.
 * Start reading at {@link io.tidemark.stream.worker.RequestLifecycle}.
 */
package io.tidemark.stream.worker;
