/**
 * A Kafka client for Tidemark's topics: it sends requests and validation batches, and reads results and boundaries.
 * Depends on {@code boundary} and kafka-clients. Start with {@link io.tidemark.client.RequestClient}.
 */
package io.tidemark.client;
