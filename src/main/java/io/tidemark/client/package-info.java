/**
 * A Kafka client for Tidemark's topics: it sends requests and validation batches, and reads results and boundaries.
 * Depends on the records of {@code message}, on kafka-clients, and on nothing else of Tidemark. Start with
 * {@link io.tidemark.client.RequestClient}.
 */
package io.tidemark.client;
