package io.tidemark.decoder.weights;

import io.tidemark.decoder.Decoder;
import io.tidemark.torch.ScriptSource.Attribute;
import io.tidemark.torch.ScriptSource;
import java.util.List;
import java.util.stream.Stream;

/** The decoder's TorchScript class: one file a concern, and what an object keeps once its weights are installed. */
public final class DecoderScript {

    private static final List<String> FILES = List.of(
            "weights",
            "install",
            "stack",
            "projection",
            "lora",
            "layer",
            "outer",
            "cache",
            "attention",
            "step",
            "sampling",
            "sweep");

    /** Stands in for groups where no row has LoRA: TorchScript's lists must not be empty. */
    public static final long[] NO_GROUP = {0, 0, 0, -1, -1, 0, 0, 0};
    /** Stands in for runs where no row has an adapter with parts of its own beside the layers. */
    public static final long[] NO_RUN = {0, 0, 0, 0};

    /** A linear's int8 weights as fbgemm packs them. */
    private static final String PACKED = "__torch__.torch.classes.quantized.LinearPackedParamsBase";

    private DecoderScript() {}

    public static ScriptSource source() {
        List<Attribute> attributes = List.of(
                new Attribute("outer", "List[Tensor]"),
                new Attribute("norms", "List[Tensor]"),
                new Attribute("linears", "List[Tensor]"),
                new Attribute("packed", "List[" + PACKED + "]"),
                new Attribute("evened", "List[Tensor]"),
                new Attribute("seen", "List[Tensor]"),
                new Attribute("numerics", "List[int]"),
                new Attribute("dims", "List[int]"),
                new Attribute("windows", "List[int]"),
                new Attribute("epsilon", "float"),
                new Attribute("rope_factor", "float"));
        String bf16 = System.getProperty("os.arch").equals("amd64") ? "bf16_onednn" : "bf16_plain";
        Stream<String> resources =
                Stream.concat(FILES.stream(), Stream.of(bf16)).map(file -> "/torchscript/" + file + ".torchscript");
        return new ScriptSource("Decoder", attributes, resources.toList());
    }
}
