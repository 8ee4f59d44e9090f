package io.tidemark.decoder.script;

import io.tidemark.torch.ScriptContract;
import io.tidemark.torch.ScriptSource;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The source of the decoder's TorchScript class, one file per topic, and what Java shares with it. */
public final class DecoderScript {

    private static final List<String> FILES = List.of(
            "constants",
            "weights",
            "base",
            "projection",
            "lora",
            "lora_stack",
            "layer",
            "overrides",
            "kv_cache",
            "attention",
            "step",
            "sampling",
            "forced");

    /** The script's {@code NONE}: no position, no window. */
    public static final long NONE = -1;

    private DecoderScript() {}

    /** What Java and the script agree on; {@link #source} compares both. */
    static ScriptContract contract(boolean hasOperators) {
        List<DecoderMethod> methods = Stream.of(DecoderMethod.values())
                .filter(method -> hasOperators || !DecoderMethod.NATIVE.contains(method))
                .toList();
        return new ScriptContract(DecoderLayouts.all(), methods, Map.of("NONE", NONE));
    }

    /** The files of the script on the class path. */
    static List<String> resources(boolean hasOperators) {
        String bf16 = System.getProperty("os.arch").equals("amd64") ? "bf16_onednn" : "bf16_plain";
        return Stream.concat(FILES.stream(), Stream.of(bf16, hasOperators ? "native" : "native_absent"))
                .map(file -> "/torchscript/" + file + ".torchscript")
                .toList();
    }

    /**
     * The source of the script without the native path.
     *
     * @param more further resources with parts of the class
     * @throws IllegalStateException if the script and Java differ; the message names layout and field
     */
    public static ScriptSource source(String... more) {
        return source(false, more);
    }

    /** The source of the script with the native path, whose operators must be registered when it is loaded. */
    public static ScriptSource nativeSource() {
        return source(true);
    }

    private static ScriptSource source(boolean hasOperators, String... more) {
        return new ScriptSource(
                "Decoder",
                contract(hasOperators),
                Stream.concat(resources(hasOperators).stream(), Stream.of(more)).toArray(String[]::new));
    }
}
