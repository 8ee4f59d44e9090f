package io.tidemark.decoder;

import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.TokenSampling;
import java.util.List;
import java.util.Optional;

/**
 * One sequence in a step: its new tokens are added to the KV cache, and a token is sampled after the last of them if
 * {@code sampling} is present.
 *
 * @param tokens     the new tokens: one in decode, a chunk of the prompt in prefill
 * @param position   position of the first new token, which is the number of tokens in the cache
 * @param lora       the adapter; empty for the base model
 * @param loraLayers the boundary: layers {@code 0 .. loraLayers-1} use the adapter
 * @param sampling   how to sample the next token; empty if more of the prompt follows
 */
public record StepRow(
        KvSlot slot,
        List<Integer> tokens,
        int position,
        Optional<LoraWeights> lora,
        int loraLayers,
        Optional<TokenSampling> sampling) {

    /** How many layers use an adapter. */
    int effectiveLoraLayers() {
        return lora.isPresent() ? loraLayers : 0;
    }
}
