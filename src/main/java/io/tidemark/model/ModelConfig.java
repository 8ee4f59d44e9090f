package io.tidemark.model;

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
 * @param attentionBias    q, k, v and o have biases
 * @param mlpBias          gate, up and down have biases
 * @param tiedEmbeddings   the head's weights are the embedding's
 * @param rope             frequencies of the rotary embedding
 * @param endOfSequence    token ids that end a completion
 */
public record ModelConfig(
        int numLayers, int hiddenSize, int intermediateSize, int heads, int kvHeads, int headDim, int vocabularySize,
        int contextLength, double normEpsilon, boolean attentionBias, boolean mlpBias, boolean tiedEmbeddings,
        RotaryEmbedding rope, Set<Integer> endOfSequence) {

    public ModelConfig {
        endOfSequence = Set.copyOf(endOfSequence);
    }

    /** Bytes of keys and values that one token takes in all layers. */
    public long kvBytesPerToken() {
        return 2L * numLayers * kvHeads * headDim * Float.BYTES;
    }

    int queryWidth() {
        return heads * headDim;
    }

    int keyWidth() {
        return kvHeads * headDim;
    }
}
