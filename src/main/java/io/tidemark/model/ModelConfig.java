package io.tidemark.model;

import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * What the decoder needs of {@code config.json}.
 *
 * @param numLayers        decoder blocks, L
 * @param hiddenSize       width of the residual stream
 * @param intermediateSize width inside the MLP
 * @param heads            query heads
 * @param kvHeads          key and value heads; {@code heads} is a multiple of it
 * @param headDim          width of a head
 * @param contextLength    the most tokens a sequence may have
 * @param normEpsilon      epsilon of the RMS norms
 * @param biases           which linear modules have biases
 * @param headNorms        each query and key head is normalised before it is rotated
 * @param tiedEmbeddings   the head's weights are the embedding's
 * @param rope             frequencies of the rotary embedding
 * @param windows          for each layer how many tokens its attention sees, the token itself included; empty for all
 * @param endOfSequence    token ids that end a completion, in the order of the model's files
 */
public record ModelConfig(
        int numLayers,
        int hiddenSize,
        int intermediateSize,
        int heads,
        int kvHeads,
        int headDim,
        int vocabularySize,
        int contextLength,
        double normEpsilon,
        LinearBiases biases,
        boolean headNorms,
        boolean tiedEmbeddings,
        RotaryEmbedding rope,
        List<OptionalInt> windows,
        Set<Integer> endOfSequence) {

    public ModelConfig {
        windows = List.copyOf(windows);
        endOfSequence = Collections.unmodifiableSet(new LinkedHashSet<>(endOfSequence));
    }

    /** The window of the layers that have one: in no known family do two layers' windows differ. */
    public OptionalInt window() {
        return windows.stream().flatMapToInt(OptionalInt::stream).max();
    }

    /** Keys' and values' numbers of one token in all layers. */
    public long kvNumbersPerToken() {
        return 2L * numLayers * kvHeads * headDim;
    }

    /** Weights of one layer's linears. */
    public long layerWeights() {
        long numbers = 0;
        for (Projection projection : Projection.values()) {
            numbers += (long) projection.inputWidth(this) * projection.outputWidth(this);
        }
        return numbers;
    }

    public int queryWidth() {
        return heads * headDim;
    }

    public int keyWidth() {
        return kvHeads * headDim;
    }
}
