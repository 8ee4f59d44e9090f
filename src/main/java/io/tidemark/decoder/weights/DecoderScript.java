package io.tidemark.decoder.weights;

import io.tidemark.torch.ScriptSource;
import java.util.List;
import java.util.stream.Stream;

/** The source of the decoder's TorchScript class, one file per topic, and the constants that Java passes to it. */
public final class DecoderScript {

    private static final List<String> FILES = List.of(
            "constants",
            "weights",
            "base",
            "projection",
            "packed_lora",
            "lora",
            "layer",
            "overrides",
            "kv_cache",
            "attention",
            "step",
            "sampling",
            "forced");

    /** The script's {@code NONE}: no position, no window, no packed group. */
    public static final long NONE = -1;

    private DecoderScript() {}

    /** A LoRA span without rows, for passes without LoRA: a list that Java creates must not be empty. */
    public static long[] noLoraSpan() {
        return new long[] {0, 0, 0, NONE, NONE};
    }

    /** An override span without rows, for passes without overrides. */
    public static long[] noOverrideSpan() {
        return new long[] {0, 0, 0, 0};
    }

    /** @param more further resources with parts of the class */
    public static ScriptSource source(String... more) {
        String bf16 = System.getProperty("os.arch").equals("amd64") ? "bf16_onednn" : "bf16_plain";
        Stream<String> files =
                Stream.concat(FILES.stream(), Stream.of(bf16)).map(file -> "/torchscript/" + file + ".torchscript");
        return new ScriptSource("Decoder", Stream.concat(files, Stream.of(more)).toArray(String[]::new));
    }
}
