package io.tidemark.decoder;

import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayList;
import java.util.List;

/** Tokens {@code [firstToken, endToken)} of a step whose rows share an adapter and a boundary. */
record LoraGroup(int firstToken, int endToken, int loraLayers, LoraWeights weights) {

    /**
     * The groups of a step; tokens without LoRA are in none.
     *
     * @param rows side by side, in the order of their tokens
     */
    static List<LoraGroup> of(List<PlacedRow> rows) {
        List<LoraGroup> groups = new ArrayList<>();
        for (PlacedRow placed : rows) {
            int loraLayers = placed.row().effectiveLoraLayers();
            if (loraLayers == 0) {
                continue;
            }
            LoraWeights weights = placed.row().lora().orElseThrow();
            LoraGroup last = groups.isEmpty() ? null : groups.get(groups.size() - 1);
            int end = placed.firstToken() + placed.tokens();
            if (last != null && last.weights() == weights && last.loraLayers() == loraLayers) {
                groups.set(groups.size() - 1, new LoraGroup(last.firstToken(), end, loraLayers, weights));
            } else {
                groups.add(new LoraGroup(placed.firstToken(), end, loraLayers, weights));
            }
        }
        return groups;
    }
}
