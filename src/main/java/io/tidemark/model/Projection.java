package io.tidemark.model;

/** The linear modules of a decoder layer. */
public enum Projection {
    Q("self_attn.q_proj"),
    K("self_attn.k_proj"),
    V("self_attn.v_proj"),
    O("self_attn.o_proj"),
    GATE("mlp.gate_proj"),
    UP("mlp.up_proj"),
    DOWN("mlp.down_proj");

    private final String path;

    Projection(String path) {
        this.path = path;
    }

    /** The module's name below {@code model.layers.N}. */
    public String path() {
        return path;
    }

    public int inputWidth(ModelConfig config) {
        return switch (this) {
            case O -> config.queryWidth();
            case DOWN -> config.intermediateSize();
            default -> config.hiddenSize();
        };
    }

    public int outputWidth(ModelConfig config) {
        return switch (this) {
            case Q -> config.queryWidth();
            case K, V -> config.keyWidth();
            case O, DOWN -> config.hiddenSize();
            case GATE, UP -> config.intermediateSize();
        };
    }
}
