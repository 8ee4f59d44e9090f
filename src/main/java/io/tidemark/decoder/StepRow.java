package io.tidemark.decoder;

import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.TokenRule;
import java.util.List;
import java.util.Optional;

/**
 * What one sequence does in a step: its next tokens enter the cache, and if a rule is given a token is chosen after
 * the last of them.
 *
 * @param tokens     the tokens to add, one in decode, a piece of the prompt in prefill
 * @param position   the position of the first of them, the number of tokens already in the cache
 * @param lora       the adapter, empty for the base model
 * @param loraLayers the boundary: layers 0 .. loraLayers-1 use the adapter
 * @param rule       how to choose the next token; empty while more of the prompt is to come
 */
public record StepRow(
        KvSlot slot,
        List<Integer> tokens,
        int position,
        Optional<LoraWeights> lora,
        int loraLayers,
        Optional<TokenRule> rule) {

    /** 0 where no layer uses an adapter. */
    public int effectiveLoraLayers() {
        return lora.isPresent() ? loraLayers : 0;
    }
}
