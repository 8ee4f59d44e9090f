/**
 * The role that answers requests: intake from Kafka, admission, the desk that sees every request through, and the
 * writer of results, events and dead letters. It knows the engine, the model, the adapters and the boundary table.
 * Start reading at {@link io.tidemark.stream.worker.RequestLifecycle}.
 */
package io.tidemark.stream.worker;
