package io.tidemark.decoder.weights;

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

    private DecoderScript() {}

    public static ScriptSource source() {
        String bf16 = System.getProperty("os.arch").equals("amd64") ? "bf16_onednn" : "bf16_plain";
        Stream<String> resources =
                Stream.concat(FILES.stream(), Stream.of(bf16)).map(file -> "/torchscript/" + file + ".torchscript");
        return new ScriptSource("Decoder", resources.toArray(String[]::new));
    }
}
