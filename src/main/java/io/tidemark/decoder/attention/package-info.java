/**
 * Splits a step into attention calls and orders their rows. Depends on {@code decoder.kvcache},
 * {@code decoder.script} and {@code model}. Start with {@link io.tidemark.decoder.attention.AttentionPlan}.
 */
package io.tidemark.decoder.attention;
