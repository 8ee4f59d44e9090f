/**
 * Readers of whole topics, without a consumer group, for the services and for the client library. Depends on
 * kafka-clients and {@code time}. It has one type, {@link io.tidemark.topic.TopicReader}.
 */
package io.tidemark.topic;
