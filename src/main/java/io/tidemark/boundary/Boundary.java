package io.tidemark.boundary;

/**
 * How many of the lowest decoder layers use the adapter: LoRA is applied in the layers {@code 0 .. layers-1} and
 * skipped above. With {@code layers == L}, all layers have LoRA ("full LoRA"); with 0, none has. LoRA weights outside
 * the decoder layers (embeddings, lm_head) always apply.
 */
public record Boundary(int layers) implements Comparable<Boundary> {

    public Boundary {
        if (layers < 0) {
            throw new IllegalArgumentException("boundary must not be negative: " + layers);
        }
    }

    /** Full LoRA for a model of {@code numLayers} layers. */
    public static Boundary full(int numLayers) {
        return new Boundary(numLayers);
    }

    /** Whether the layer uses the adapter; layers are counted from 0. */
    public boolean covers(int layer) {
        return layer < layers;
    }

    @Override
    public int compareTo(Boundary other) {
        return Integer.compare(layers, other.layers);
    }

    @Override
    public String toString() {
        return Integer.toString(layers);
    }
}
