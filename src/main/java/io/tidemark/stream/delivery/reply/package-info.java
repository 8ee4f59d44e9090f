/**
 * The delivery of one request record, and the way of its answer: the reply topic, the copied headers and the events.
 * Depends on {@code stream.delivery.partition}, {@code stream.topics}, {@code request}, {@code message} and SmallRye's
 * channel of events. Start reading at {@link io.tidemark.stream.delivery.reply.ReplyRouting}.
 */
package io.tidemark.stream.delivery.reply;
