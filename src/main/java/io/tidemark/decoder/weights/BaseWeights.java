package io.tidemark.decoder.weights;

import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelOptions;
import io.tidemark.model.ModelRefused;
import io.tidemark.model.Projection;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** The base model's tensors, in the lists that {@code install.torchscript} names. Each stored tensor is used, or refused. */
public final class BaseWeights {

    private final ModelConfig config;
    private final TensorLoader loader;
    private final BaseTensors tensors;

    private BaseWeights(Path folder, ModelConfig config, TensorLoader loader) {
        this.config = config;
        this.loader = loader;
        this.tensors = new BaseTensors(folder, loader);
    }

    /**
     * Loads all weights of a folder into the script's object, which keeps them until it is closed. Layer by layer, so that
     * no more than one is there in float32 when the linears compute in less.
     *
     * @param probe tokens of some text
     * @throws ModelRefused when a tensor is missing, has another shape, is not finite, or would not be used
     */
    public static void install(
            Path folder, ModelConfig config, TensorLoader loader, ModelOptions options, long[] probe) {
        BaseWeights weights = new BaseWeights(folder, config, loader);
        try (ValueScope open = new ValueScope()) {
            weights.installOuter(open, options);
            weights.installLayers(probe, options.computeType());
            weights.tensors.refuseUnused(config.tiedEmbeddings());
        }
    }

    private void installOuter(ValueScope open, ModelOptions options) {
        Torch torch = loader.torch();
        loader.script()
                .call(
                        "install",
                        open.add(torch.list(outer(open))),
                        open.add(torch.numbers(
                                config.numLayers(),
                                config.hiddenSize(),
                                config.heads(),
                                config.kvHeads(),
                                config.headDim(),
                                config.hiddenSize(),
                                config.queryWidth(),
                                config.hiddenSize(),
                                config.intermediateSize(),
                                config.queryWidth() + 2L * config.kvHeads() * config.headDim(),
                                config.hiddenSize(),
                                2L * config.intermediateSize(),
                                config.hiddenSize())),
                        open.add(torch.numbers(windows(config))),
                        open.add(torch.numbers(options.computeType().code(), options.deterministic() ? 1 : 0, 0)),
                        open.add(torch.number(config.normEpsilon())),
                        open.add(torch.number(config.rope().attentionFactor())))
                .close();
    }

    private void installLayers(long[] probe, ComputeType type) {
        try (Value states = type == ComputeType.INT8 ? packedLayers(probe) : layers(probe, Value::close)) {
            loader.script().call("add_head", states).close();
        }
    }

    private Value packedLayers(long[] probe) {
        try (LayerPacking packing = new LayerPacking(loader)) {
            Value states = layers(probe, packing::add);
            try {
                packing.finish();
                return states;
            } catch (RuntimeException e) {
                states.close();
                throw e;
            }
        }
    }

    /** Installs the layers, and hands on each one's linears, to be closed. Returns the probe's states behind the last. */
    private Value layers(long[] probe, Consumer<Value> then) {
        Value states = embedded(probe);
        for (int layer = 0; layer < config.numLayers(); layer++) {
            try (ValueScope open = new ValueScope()) {
                open.add(states);
                Value norms = open.add(loader.torch().list(norms(open, layer)));
                Value linears = linears(layer);
                try {
                    states = loader.script().call("add_layer", norms, linears, states);
                } catch (RuntimeException e) {
                    linears.close();
                    throw e;
                }
                then.accept(linears);
            }
        }
        return states;
    }

    private Value embedded(long[] probe) {
        try (Value ids = loader.torch().longs(probe);
                Value noRun = loader.torch().numberLists(List.of(DecoderScript.NO_RUN));
                Value none = loader.zeros(0);
                Value noTensors = loader.torch().list(List.of(none));
                Value noAdapter = loader.torch().list(List.of(noTensors))) {
            return loader.script().call("embed", ids, noRun, noAdapter);
        }
    }

    private static long[] windows(ModelConfig config) {
        return config.windows().stream().mapToLong(window -> window.orElse(0)).toArray();
    }

    private List<Value> outer(ValueScope open) {
        long vocabulary = config.vocabularySize();
        Value embedding = open.add(tensors.take("model.embed_tokens.weight", vocabulary, config.hiddenSize()));
        return List.of(
                embedding,
                open.add(tensors.take("model.norm.weight", config.hiddenSize())),
                config.tiedEmbeddings()
                        ? embedding
                        : open.add(tensors.take("lm_head.weight", vocabulary, config.hiddenSize())),
                open.add(loader.torch().floats(config.rope().inverseFrequencies(config.headDim()))));
    }

    private List<Value> norms(ValueScope open, int layer) {
        String prefix = prefix(layer);
        return List.of(
                open.add(tensors.take(prefix + "input_layernorm.weight", config.hiddenSize())),
                open.add(tensors.take(prefix + "post_attention_layernorm.weight", config.hiddenSize())),
                open.add(headNorms(prefix)));
    }

    private Value linears(int layer) {
        List<Boolean> biased = List.of(
                config.biases().qkv(),
                config.biases().o(),
                config.biases().mlp(),
                config.biases().mlp());
        try (ValueScope open = new ValueScope()) {
            List<Value> linears = new ArrayList<>();
            for (int module = 0; module < biased.size(); module++) {
                addLinear(
                        open, linears, prefix(layer), Projection.sharingInput().get(module), biased.get(module));
            }
            return loader.torch().list(linears);
        }
    }

    private static String prefix(int layer) {
        return "model.layers." + layer + ".";
    }

    /** One row a query head, then one a key head: a head's norm and its weights in one operation. */
    private Value headNorms(String prefix) {
        if (!config.headNorms()) {
            return loader.zeros(0);
        }
        try (Value q = tensors.take(prefix + "self_attn.q_norm.weight", config.headDim());
                Value k = tensors.take(prefix + "self_attn.k_norm.weight", config.headDim());
                Value heads = loader.torch().number(config.heads());
                Value kvHeads = loader.torch().number(config.kvHeads())) {
            return loader.script().call("head_norms", q, heads, k, kvHeads);
        }
    }

    private void addLinear(
            ValueScope open, List<Value> linears, String prefix, List<Projection> modules, boolean biased) {
        try (ValueScope parts = new ValueScope()) {
            List<Value> weights = new ArrayList<>();
            List<Value> biases = new ArrayList<>();
            for (Projection module : modules) {
                String name = prefix + module.path();
                int out = module.outputWidth(config);
                weights.add(parts.add(tensors.take(name + ".weight", out, module.inputWidth(config))));
                biases.add(parts.add(biased ? tensors.take(name + ".bias", out) : loader.zeros(0)));
            }
            linears.add(open.add(loader.stack(weights)));
            linears.add(open.add(loader.stack(biases)));
        }
    }
}
