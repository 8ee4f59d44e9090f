package io.tidemark.decoder;

import io.tidemark.boundary.Boundary;
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
 * @param boundary which layers use the adapter; ignored for the base model
 * @param sampling   how to sample the next token; empty if more of the prompt follows
 */
public record StepRow(
        KvSlot slot,
        List<Integer> tokens,
        int position,
        Optional<LoraWeights> lora,
        Boundary boundary,
        Optional<TokenSampling> sampling) {

    private static final Boundary NO_LAYERS = new Boundary(0);

    /** The layers that use an adapter; no layers for the base model. */
    Boundary effectiveBoundary() {
        return lora.isPresent() ? boundary : NO_LAYERS;
    }

    /** Whether any layer uses an adapter. */
    boolean hasLora() {
        return effectiveBoundary().covers(0);
    }
}
