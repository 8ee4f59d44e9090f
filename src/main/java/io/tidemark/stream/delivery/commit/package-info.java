/**
 * The transactions that write each result together with the offset of its request, and what follows when one fails.
 * Depends on {@code stream.delivery.partition}, {@code stream.delivery.reply}, {@code stream.topics}, {@code request},
 * {@code message} and Kafka's clients. Start reading at {@link io.tidemark.stream.delivery.commit.AnswerCommits}, then
 * {@link io.tidemark.stream.delivery.commit.AnswerTransactions}.
 */
package io.tidemark.stream.delivery.commit;
