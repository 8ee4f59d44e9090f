/**
 * How close a generated text is to what people wrote: ROUGE-L, BLEU, and the final answer of a sum.
 * It knows nothing of Tidemark. rouge-score and sacrebleu judge it in the tests.
 * Start with {@link io.tidemark.proof.metric.RougeL}.
 */
package io.tidemark.proof.metric;
