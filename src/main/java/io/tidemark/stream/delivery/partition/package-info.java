/**
 * The request partitions that a worker owns: which requests are open, the metadata of commits, the takeover from the
 * last owner, the deaths of owners, and changes of the log. Depends on {@code stream.topics}, {@code text}, {@code
 * time} and Kafka's clients. Start reading at {@link io.tidemark.stream.delivery.partition.PartitionProgress}, then
 * {@link io.tidemark.stream.delivery.partition.PartitionTakeover}.
 */
package io.tidemark.stream.delivery.partition;
