package io.tidemark.model;

import java.util.List;

/** The linear modules of a decoder layer. */
public enum Projection {
    Q("self_attn.q_proj"),
    K("self_attn.k_proj"),
    V("self_attn.v_proj"),
    O("self_attn.o_proj"),
    GATE("mlp.gate_proj"),
    UP("mlp.up_proj"),
    DOWN("mlp.down_proj");

    private static final List<List<Projection>> SHARING_INPUT =
            List.of(List.of(Q, K, V), List.of(O), List.of(GATE, UP), List.of(DOWN));

    private final String path;

    Projection(String path) {
        this.path = path;
    }

    /** The module's name below {@code model.layers.N}. */
    public String path() {
        return path;
    }

    /** Modules that read the same input, in the order in which the decoder concatenates their weights. */
    public static List<List<Projection>> sharingInput() {
        return SHARING_INPUT;
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
