/**
 * Sampling of the next token: parameters, penalties, log-probabilities. Depends on {@code torch}. Start with
 * {@link io.tidemark.decoder.sampling.TokenSampling}.
 */
package io.tidemark.decoder.sampling;
