/**
 * Splits a step into attention calls.
 * Depends on {@code decoder.kvcache}. Start with {@link io.tidemark.decoder.attention.AttentionUnits}.
 */
package io.tidemark.decoder.attention;
