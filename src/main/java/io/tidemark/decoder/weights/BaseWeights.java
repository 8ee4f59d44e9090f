package io.tidemark.decoder.weights;

import static io.tidemark.decoder.script.DecoderMethod.ADD_HEAD;
import static io.tidemark.decoder.script.DecoderMethod.ADD_LAYER;
import static io.tidemark.decoder.script.DecoderMethod.EMBED;
import static io.tidemark.decoder.script.DecoderMethod.HEAD_NORMS;
import static io.tidemark.decoder.script.DecoderMethod.INSTALL;
import static io.tidemark.decoder.script.DecoderMethod.NO_OVERRIDES;

import io.tidemark.decoder.script.DecoderLayouts.LayerNorm;
import io.tidemark.decoder.script.DecoderLayouts.LinearModule;
import io.tidemark.decoder.script.DecoderLayouts.LinearTensor;
import io.tidemark.decoder.script.DecoderLayouts.OverrideSpanField;
import io.tidemark.decoder.script.DecoderMethod.InstallArgument;
import io.tidemark.decoder.script.DecoderScript;
import io.tidemark.model.ComputeType;
import io.tidemark.model.InvalidModelException;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelOptions;
import io.tidemark.model.Projection;
import io.tidemark.model.StoredTensor;
import io.tidemark.model.WeightFiles;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Loads the tensors of a base model into the decoder's script, as {@code base.torchscript} takes them. A stored
 * tensor that would not be used is an error.
 */
public final class BaseWeights {

    private final Path folder;
    private final ModelConfig config;
    private final TensorLoader loader;
    private final Map<String, StoredTensor> stored;
    private final Set<String> unused;

    private BaseWeights(Path folder, ModelConfig config, TensorLoader loader) {
        this.folder = folder;
        this.config = config;
        this.loader = loader;
        this.stored = WeightFiles.read(folder);
        this.unused = new HashSet<>(stored.keySet());
    }

    /**
     * Loads all weights of a folder into the script, which keeps them until it is closed. With a compute type smaller
     * than float32, at most two layers are in memory in float32.
     *
     * @param kernels      the native decoder's number of an instruction set, or {@link DecoderScript#NONE}
     * @param sampleTokens tokens of a sample text; int8 measures the range of activations with them
     * @throws InvalidModelException if a tensor is missing, has another shape, is not finite, or would not be used
     */
    public static void install(
            Path folder,
            ModelConfig config,
            TensorLoader loader,
            ModelOptions options,
            long kernels,
            long[] sampleTokens) {
        BaseWeights weights = new BaseWeights(folder, config, loader);
        try (ValueScope scope = new ValueScope()) {
            weights.installNonBlock(scope, options, kernels);
            weights.installLayers(sampleTokens, options.computeType());
            weights.refuseUnused();
        }
    }

    /**
     * Loads a tensor to the device.
     *
     * @throws InvalidModelException if it is missing, has another shape, or is not finite
     */
    private Value load(String name, long... shape) {
        StoredTensor tensor = stored.get(name);
        if (tensor == null) {
            throw InvalidModelException.broken(folder, "tensor " + name + " is missing");
        }
        List<Long> expected = Arrays.stream(shape).boxed().toList();
        if (!tensor.shape().equals(expected)) {
            throw InvalidModelException.broken(
                    folder, "tensor " + name + " has the shape " + tensor.shape() + ", not " + expected);
        }
        unused.remove(name);
        return loader.load(folder, tensor);
    }

    /** Refuses tensors that were not loaded, except for those that follow from the configuration or other tensors. */
    private void refuseUnused() {
        // Old checkpoints store the rotary frequencies, and a copy of a tied head.
        unused.removeIf(
                name -> name.endsWith(".rotary_emb.inv_freq") || config.tiedEmbeddings() && isCopyOfTiedHead(name));
        if (!unused.isEmpty()) {
            throw InvalidModelException.unsupported(
                    folder, "tensor", unused.stream().sorted().limit(3).toList());
        }
    }

    private boolean isCopyOfTiedHead(String name) {
        return name.equals("lm_head.weight")
                && stored.get(name)
                        .bytes()
                        .equals(stored.get("model.embed_tokens.weight").bytes());
    }

    private void installNonBlock(ValueScope scope, ModelOptions options, long kernels) {
        Torch torch = loader.torch();
        int vocabulary = config.vocabularySize();
        int hidden = config.hiddenSize();
        Value embedding = scope.add(load("model.embed_tokens.weight", vocabulary, hidden));
        Map<InstallArgument, Value> arguments = new EnumMap<>(InstallArgument.class);
        arguments.put(InstallArgument.EMBEDDING, embedding);
        arguments.put(InstallArgument.FINAL_NORM, scope.add(load("model.norm.weight", hidden)));
        arguments.put(
                InstallArgument.HEAD,
                config.tiedEmbeddings() ? embedding : scope.add(load("lm_head.weight", vocabulary, hidden)));
        arguments.put(
                InstallArgument.INVERSE_FREQUENCIES,
                scope.add(torch.floats(config.rope().inverseFrequencies(config.headDim()))));
        arguments.put(
                InstallArgument.ROPE_FACTOR,
                scope.add(torch.number(config.rope().attentionFactor())));
        arguments.put(InstallArgument.EPSILON, scope.add(torch.number(config.normEpsilon())));
        arguments.put(InstallArgument.HIDDEN, scope.add(torch.number(hidden)));
        arguments.put(InstallArgument.HEADS, scope.add(torch.number(config.heads())));
        arguments.put(InstallArgument.KV_HEADS, scope.add(torch.number(config.kvHeads())));
        arguments.put(InstallArgument.HEAD_DIM, scope.add(torch.number(config.headDim())));
        arguments.put(InstallArgument.INTERMEDIATE, scope.add(torch.number(config.intermediateSize())));
        arguments.put(InstallArgument.WINDOWS, scope.add(torch.numbers(windows(config))));
        arguments.put(
                InstallArgument.COMPUTE_TYPE,
                scope.add(torch.number(options.computeType().ordinal())));
        arguments.put(InstallArgument.DETERMINISTIC, scope.add(torch.flag(options.deterministic())));
        arguments.put(InstallArgument.ON_GPU, scope.add(torch.flag(torch.isOnGpu())));
        arguments.put(InstallArgument.KERNELS, scope.add(torch.number(kernels)));
        loader.script().call(INSTALL, arguments.values().toArray(Value[]::new)).close();
    }

    private void installLayers(long[] sampleTokens, ComputeType type) {
        try (Value states =
                type == ComputeType.INT8 ? packedLayers(sampleTokens) : layers(sampleTokens, Value::close)) {
            loader.script().call(ADD_HEAD, states).close();
        }
    }

    private Value packedLayers(long[] sampleTokens) {
        try (Int8LayerPacker packer = new Int8LayerPacker(loader)) {
            Value states = layers(sampleTokens, packer::add);
            try {
                packer.finish();
                return states;
            } catch (RuntimeException e) {
                states.close();
                throw e;
            }
        }
    }

    /**
     * Installs the layers and passes the linear modules of each, to be closed, to {@code then}.
     *
     * @return the hidden states of the sample text after the last layer
     */
    private Value layers(long[] sampleTokens, Consumer<Value> then) {
        Value states = embedded(sampleTokens);
        for (int layer = 0; layer < config.numLayers(); layer++) {
            try (ValueScope scope = new ValueScope()) {
                scope.add(states);
                Value norms = scope.add(loader.torch().list(norms(scope, layer)));
                Value linears = linears(layer);
                try {
                    states = loader.script().call(ADD_LAYER, norms, linears, states);
                } catch (RuntimeException e) {
                    linears.close();
                    throw e;
                }
                then.accept(linears);
            }
        }
        return states;
    }

    private Value embedded(long[] sampleTokens) {
        try (Value ids = loader.torch().longs(sampleTokens);
                Value spans = loader.torch().numberLists(List.of(OverrideSpanField.empty()));
                Value overrides = loader.script().call(NO_OVERRIDES)) {
            return loader.script().call(EMBED, ids, spans, overrides);
        }
    }

    private static long[] windows(ModelConfig config) {
        return config.windows().stream()
                .mapToLong(window -> window.isPresent() ? window.getAsInt() : DecoderScript.NONE)
                .toArray();
    }

    private List<Value> norms(ValueScope scope, int layer) {
        String prefix = prefix(layer);
        Map<LayerNorm, Value> norms = new EnumMap<>(LayerNorm.class);
        norms.put(LayerNorm.ATTENTION, scope.add(load(prefix + "input_layernorm.weight", config.hiddenSize())));
        norms.put(LayerNorm.MLP, scope.add(load(prefix + "post_attention_layernorm.weight", config.hiddenSize())));
        norms.put(LayerNorm.HEADS, scope.add(headNorms(prefix)));
        return List.copyOf(norms.values());
    }

    private Value linears(int layer) {
        try (ValueScope scope = new ValueScope()) {
            List<Value> linears = new ArrayList<>();
            for (LinearModule module : LinearModule.values()) {
                linears.addAll(linear(scope, prefix(layer), module.parts(), isBiased(module))
                        .values());
            }
            return loader.torch().list(linears);
        }
    }

    private boolean isBiased(LinearModule module) {
        return switch (module) {
            case QKV -> config.biases().qkv();
            case O_PROJ -> config.biases().o();
            case GATE_UP, DOWN -> config.biases().mlp();
        };
    }

    private static String prefix(int layer) {
        return "model.layers." + layer + ".";
    }

    /** {@code [heads + kvHeads, headDim]}: one operation then normalises all query and key heads. */
    private Value headNorms(String prefix) {
        if (!config.headNorms()) {
            return loader.zeros(0);
        }
        try (Value q = load(prefix + "self_attn.q_norm.weight", config.headDim());
                Value k = load(prefix + "self_attn.k_norm.weight", config.headDim());
                Value heads = loader.torch().number(config.heads());
                Value kvHeads = loader.torch().number(config.kvHeads())) {
            return loader.script().call(HEAD_NORMS, q, heads, k, kvHeads);
        }
    }

    private Map<LinearTensor, Value> linear(ValueScope scope, String prefix, List<Projection> modules, boolean biased) {
        try (ValueScope parts = new ValueScope()) {
            List<Value> weights = new ArrayList<>();
            List<Value> biases = new ArrayList<>();
            for (Projection module : modules) {
                String name = prefix + module.path();
                int out = module.outputWidth(config);
                weights.add(parts.add(load(name + ".weight", out, module.inputWidth(config))));
                biases.add(parts.add(biased ? load(name + ".bias", out) : loader.zeros(0)));
            }
            Map<LinearTensor, Value> tensors = new EnumMap<>(LinearTensor.class);
            tensors.put(LinearTensor.WEIGHT, scope.add(loader.concat(weights)));
            tensors.put(LinearTensor.BIAS, scope.add(loader.concat(biases)));
            return tensors;
        }
    }
}
