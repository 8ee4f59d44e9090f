/**
 * The service that answers requests: the loop that reads requests and commits results, admission, and the life cycle of
 * requests. The package depends on the engine, the model, the adapters and the boundary table. Start reading at
 * {@link io.tidemark.stream.worker.RequestLoop}, then {@link io.tidemark.stream.worker.RequestLifecycle}.
 */
package io.tidemark.stream.worker;
