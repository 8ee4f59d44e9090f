/**
 * A request from its receipt to its answer: parsing, admission, the run in the engine, deadlines and cancellations.
 * Depends on the engine, adapters and the records of topics, but not on Kafka. Start reading at
 * {@link io.tidemark.request.RequestRunner}, then {@code RequestRun}.
 */
package io.tidemark.request;
