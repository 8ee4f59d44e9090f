/**
 * Text metrics: ROUGE-L, BLEU and exact final answers. Depends on no other package; the tests compare the values with
 * Python's rouge-score and sacrebleu. Start with {@link io.tidemark.metric.RougeL}.
 */
package io.tidemark.metric;
