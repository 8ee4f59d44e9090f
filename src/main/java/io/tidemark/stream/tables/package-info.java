/**
 * Compacted topics as in-memory tables, and consumers without a group that read or follow a whole topic. Depends on
 * Kafka's clients, {@code stream.topics}, {@code time} and the boundary record.
 * Start reading at {@link io.tidemark.stream.tables.TableReader}, then {@link io.tidemark.stream.tables.TopicFollower}.
 */
package io.tidemark.stream.tables;
