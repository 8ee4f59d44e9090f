package io.tidemark.decoder.script;

import io.tidemark.model.Kernels;
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
    static ScriptContract contract(Kernels kernels) {
        List<DecoderMethod> methods = Stream.of(DecoderMethod.values())
                .filter(method -> kernels.isFamily() || !DecoderMethod.NATIVE.contains(method))
                .toList();
        return new ScriptContract(DecoderLayouts.all(), methods, Map.of("NONE", NONE));
    }

    /** The files of the script on the class path. */
    static List<String> resources(Kernels kernels) {
        String bf16 = System.getProperty("os.arch").equals("amd64") ? "bf16_onednn" : "bf16_plain";
        String layers = kernels.isFamily() ? "native" : "native_absent";
        String graphs = kernels == Kernels.CUDA_GRAPHS ? "cuda_graph" : "cuda_graph_absent";
        return Stream.concat(FILES.stream(), Stream.of(bf16, layers, graphs))
                .map(file -> "/torchscript/" + file + ".torchscript")
                .toList();
    }

    /**
     * The source of the script that uses operators of libtorch only.
     *
     * @param more further resources with parts of the class
     * @throws IllegalStateException if the script and Java differ; the message names layout and field
     */
    public static ScriptSource source(String... more) {
        return source(Kernels.TORCH, more);
    }

    /** The source of the script for kernels, whose operators must be registered when it is loaded. */
    public static ScriptSource source(Kernels kernels, String... more) {
        return new ScriptSource(
                "Decoder",
                contract(kernels),
                Stream.concat(resources(kernels).stream(), Stream.of(more)).toArray(String[]::new));
    }
}
