package io.tidemark.decoder.lora;

import io.tidemark.model.Projection;
import io.tidemark.model.StoredTensor;
import java.util.List;
import java.util.Map;

/**
 * What an adapter changes, as it lies in its file. Only the layers' LoRA is subject to the boundary; everything else
 * holds at every boundary.
 *
 * @param layers    LoRA of each layer's linear modules, lowest layer first
 * @param outer     LoRA of the embedding ({@code a} is {@code [r, vocabulary]}, {@code b} {@code [hidden, r]}) and of the head
 * @param replaced  weights that stand in for the base's own, by their name there; of the embedding, the head and norms
 * @param baseCopies what the adapter says the base's embedding or head is, by name, also where it is replaced
 * @param ownCopies  what the adapter has twice, to be found equal
 */
public record AdapterParts(
        List<Map<Projection, LoraModule>> layers,
        Map<String, LoraModule> outer,
        Map<String, StoredTensor> replaced,
        Map<String, StoredTensor> baseCopies,
        List<TensorCopy> ownCopies) {

    public AdapterParts {
        layers = List.copyOf(layers);
        outer = Map.copyOf(outer);
        replaced = Map.copyOf(replaced);
        baseCopies = Map.copyOf(baseCopies);
        ownCopies = List.copyOf(ownCopies);
    }
}
