/**
 * The client library: it sends requests and validation batches, and reads results, events and boundaries. Depends on
 * the records of {@code message}, the reader of {@code topic}, {@code time} and kafka-clients. Start with
 * {@link io.tidemark.client.TidemarkClient}.
 */
package io.tidemark.client;
