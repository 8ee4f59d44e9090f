/**
 * An outside client of Tidemark's topics: it sends requests and validation batches and reads what comes back, with
 * plain kafka-clients and the JSON that any other client would see.
 * It knows the records on the topics and their names, and nothing of the worker.
 * Start reading at {@link io.tidemark.cli.client.RequestClient}.
 */
package io.tidemark.cli.client;
