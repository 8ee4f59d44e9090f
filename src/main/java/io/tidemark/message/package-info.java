/**
 * The records of all topics, with their keys and headers: the contract between clients, workers and calibrators. One
 * mapper encodes them, and what clients send is parsed strictly. Depends on Jackson only; {@code docs/asyncapi.yaml}
 * has a JSON Schema of each record. Start reading at {@link io.tidemark.message.RequestMessage}, then {@link
 * io.tidemark.message.TopicJson}.
 */
package io.tidemark.message;
