/**
 * Sampling of the next token: parameters, penalties, log-probabilities. Depends on {@code decoder.script}
 * and {@code torch}. Start with {@link io.tidemark.decoder.sampling.TokenSampling}.
 */
package io.tidemark.decoder.sampling;
