/**
 * The records of all topics, with their keys and headers: the contract between clients, workers and calibrators. One
 * mapper encodes them, and what clients send is parsed strictly. Depends on Jackson only; the resources have a JSON Schema
 * of each record below {@code schemas/}. Start reading at {@link io.tidemark.message.RequestMessage}, then
 * {@link io.tidemark.message.TopicJson}.
 */
package io.tidemark.message;
