package io.tidemark.boundary;

/**
 * How many of the lowest decoder layers use the adapter: LoRA is applied in layers {@code 0 .. layers-1} and dropped
 * above. {@code layers == L} is full LoRA; at 0 no layer has LoRA. What an adapter puts outside the layers
 * (embeddings, lm_head) is never dropped.
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

    @Override
    public int compareTo(Boundary other) {
        return Integer.compare(layers, other.layers);
    }

    @Override
    public String toString() {
        return Integer.toString(layers);
    }
}
