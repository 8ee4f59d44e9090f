/**
 * Compacted topics as in-memory tables, and consumers without a group that read or follow a whole topic. Depends on
 * Kafka's clients, on {@code stream.topics} and {@code time}, on the boundary record of {@code message}, and on {@code
 * boundary}, to whose values it converts the record. Implements {@code request.Boundaries}. Start reading at {@link
 * io.tidemark.stream.tables.TableReader}, then {@link io.tidemark.stream.tables.TopicFollower}.
 */
package io.tidemark.stream.tables;
