package io.tidemark.decoder.lora;

import io.tidemark.model.Projection;
import io.tidemark.model.StoredTensor;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The tensors of an adapter's file. The boundary applies to {@code layers} only; everything else is in effect at every
 * boundary.
 *
 * @param layers     LoRA of the linear modules of each decoder layer, lowest layer first
 * @param nonBlock   LoRA of the embedding ({@code a} is {@code [r, vocabulary]}, {@code b} is {@code [hidden, r]}) and
 *                   of the head, by module name
 * @param overrides  weights that replace those of the base model (embedding, head, norms), by tensor name
 * @param baseCopies the adapter's copies of the base model's embedding and head, by tensor name; a copy may exist
 *                   beside an override
 * @param duplicates tensors that the adapter stores twice
 */
public record StoredAdapter(
        List<Map<Projection, LoraModule>> layers,
        Map<String, LoraModule> nonBlock,
        Map<String, StoredTensor> overrides,
        Map<String, StoredTensor> baseCopies,
        List<Duplicate> duplicates) {

    public StoredAdapter {
        layers = List.copyOf(layers);
        nonBlock = Map.copyOf(nonBlock);
        overrides = Map.copyOf(overrides);
        baseCopies = Map.copyOf(baseCopies);
        duplicates = List.copyOf(duplicates);
    }

    /**
     * The adapter with the scale of all LoRA multiplied by a factor, as if {@code lora_alpha} and the values of {@code
     * alpha_pattern} had been multiplied. No tensor is changed: overrides and magnitudes apply in full.
     */
    public StoredAdapter scaledBy(double factor) {
        return new StoredAdapter(
                layers.stream().map(layer -> scaledBy(layer, factor)).toList(),
                scaledBy(nonBlock, factor),
                overrides,
                baseCopies,
                duplicates);
    }

    private static <K> Map<K, LoraModule> scaledBy(Map<K, LoraModule> modules, double factor) {
        return modules.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey, module -> module.getValue().scaledBy(factor)));
    }

    /**
     * A tensor that must be equal to another one of the adapter.
     *
     * @param ignored    the tensor that PEFT ignores
     * @param loaded     the tensor that PEFT loads
     * @param transposed whether one is the transpose of the other
     */
    public record Duplicate(StoredTensor ignored, StoredTensor loaded, boolean transposed) {}
}
