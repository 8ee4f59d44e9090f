/**
 * The topics: what they are called, how they are laid out, and that they exist. It knows the settings and Kafka's admin
 * client. Start reading at {@link io.tidemark.stream.topics.TopicLayout}.
 */
package io.tidemark.stream.topics;
