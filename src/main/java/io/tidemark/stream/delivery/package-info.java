/**
 * The delivery of requests: sessions of the consumer group with their polls, partitions and requests, which request
 * starts next, and the reader of cancellations. Depends on its sub-packages {@code partition}, {@code reply} and {@code
 * commit}, on topics and tables, and on the packages {@code request}, {@code load}, {@code tenant} and {@code
 * generation}. Start reading at {@link io.tidemark.stream.delivery.DeliveryLoop}, then {@code GroupSession}.
 */
package io.tidemark.stream.delivery;
