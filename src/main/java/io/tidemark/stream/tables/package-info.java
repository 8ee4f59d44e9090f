/**
 * The table of boundaries, and followers of whole topics. Depends on Kafka's clients, on {@code topic}, {@code
 * stream.topics} and {@code time}, on the boundary record of {@code message}, and on {@code boundary}, to whose values
 * it converts the record. Implements {@code request.Boundaries}. Start reading at {@link
 * io.tidemark.stream.tables.TopicFollower}.
 */
package io.tidemark.stream.tables;
