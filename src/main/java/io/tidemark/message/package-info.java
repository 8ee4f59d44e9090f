/**
 * The JSON records on the topics between clients, workers and calibrators, and the strict parsing of what clients send.
 * Depends on JSON only; {@code docs/asyncapi.yaml} has a JSON Schema of each record.
 * Start reading at {@link io.tidemark.message.RequestMessage} and {@link io.tidemark.message.TopicJson}.
 */
package io.tidemark.message;
