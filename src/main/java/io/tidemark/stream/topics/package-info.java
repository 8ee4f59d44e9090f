/**
 * The topics and their creation, the connection to the cluster, what a service on a thread of its own takes from
 * outside, and dead letter records. The package depends on {@code stream.settings}, {@code message}, {@code topic},
 * {@code time} and the Kafka client. Start reading at {@link io.tidemark.stream.topics.TopicLayout}, then {@link
 * io.tidemark.stream.topics.KafkaThread}.
 */
package io.tidemark.stream.topics;
