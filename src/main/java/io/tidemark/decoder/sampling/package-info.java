/**
 * How the next token of a sequence is chosen: sampling parameters, penalties, log-probabilities.
 * Depends on {@code torch}. Start with {@link io.tidemark.decoder.sampling.TokenRule}.
 */
package io.tidemark.decoder.sampling;
