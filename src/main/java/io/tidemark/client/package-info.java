/**
 * The client library: it sends requests and validation batches, and reads results, events and boundaries. Depends on
 * the records of {@code message}, the reader of {@code topic}, {@code time}, kafka-clients and jsonschema-generator.
 * Start with {@link io.tidemark.client.TidemarkClient}.
 */
package io.tidemark.client;
