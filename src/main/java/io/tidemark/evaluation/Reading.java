package io.tidemark.evaluation;

import java.util.List;

/**
 * What one example's gold tokens are worth after every layer, read off by applying the model's final norm and head to the
 * layer's output (the "logit lens"). Index l is the state after l layers: 0 the embeddings, L the model's own output.
 *
 * @param with    mean measure of the gold tokens, LoRA in all layers below l
 * @param without the same, LoRA in no layer
 */
public record Reading(List<Double> with, List<Double> without) {

    public Reading {
        with = List.copyOf(with);
        without = List.copyOf(without);
        if (with.size() != without.size() || with.size() < 2) {
            throw new IllegalArgumentException("both readings need the model's layers and the embeddings");
        }
    }

    /** What LoRA in the layers below has added by layer l. */
    double gain(int l) {
        return with.get(l) - without.get(l);
    }
}
