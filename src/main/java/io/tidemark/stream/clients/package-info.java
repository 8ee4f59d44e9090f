/**
 * Settings of the Kafka clients that this room opens itself. It knows Kafka only.
 * Start reading at {@link io.tidemark.stream.clients.KafkaSettings}.
 */
package io.tidemark.stream.clients;
