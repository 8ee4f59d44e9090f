/**
 * The delivery of requests: polling, partitions and their takeover, and the transactions that write each result
 * together with the offset of its request. Depends on Kafka's clients, on SmallRye's channel of events, on topics and
 * tables, and on the packages {@code request}, {@code load} and {@code generation}. Start reading at {@link
 * io.tidemark.stream.delivery.DeliveryLoop}, then {@code GroupSession}.
 */
package io.tidemark.stream.delivery;
