package io.tidemark.decoder.kvcache;

import io.tidemark.decoder.lora.LoraWeights;
import java.util.Optional;

/**
 * Whose keys and values a prefix holds. They depend on the weights of every layer below, so on adapter and boundary; the
 * base model, its compute type and everything else that changes them are one for a process. The adapter is the loaded
 * weights themselves and not their id: another version of an id, and even the same version loaded again, is another owner.
 *
 * @param lora       the adapter, empty for the base model
 * @param loraLayers the boundary
 */
public record PrefixOwner(Optional<LoraWeights> lora, int loraLayers) {

    /** The owner of what a row with this adapter and boundary stores; without an adapter a boundary means nothing. */
    public static PrefixOwner of(Optional<LoraWeights> lora, int loraLayers) {
        return new PrefixOwner(lora, lora.isPresent() ? loraLayers : 0);
    }
}
