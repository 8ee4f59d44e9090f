package io.tidemark.decoder.attention;

/**
 * How much of the cache an attention call reads.
 *
 * @param tokens      places of the layers that see all tokens
 * @param ringTokens  places of the layers with a window
 * @param isBeginning the call's queries are the sequence's first tokens, so that plain causal attention needs no mask
 */
record AttentionSpan(int tokens, int ringTokens, boolean isBeginning) {}
