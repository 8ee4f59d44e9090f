/**
 * The topics and their creation, the connection to the cluster, and dead letter records. The package depends on
 * {@code stream.settings}, {@code message} and the Kafka client. Start reading at
 * {@link io.tidemark.stream.topics.TopicLayout}.
 */
package io.tidemark.stream.topics;
