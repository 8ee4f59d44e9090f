/**
 * The client library: it sends requests and validation batches, and reads results, events and boundaries. Depends on
 * the records of {@code message}, on kafka-clients, and on nothing else of Tidemark. Start with
 * {@link io.tidemark.client.TidemarkClient}.
 */
package io.tidemark.client;
