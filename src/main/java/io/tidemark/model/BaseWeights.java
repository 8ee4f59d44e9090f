package io.tidemark.model;

import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The base model's tensors, in the lists that {@code layer.torchscript} names. Each stored tensor is used, or refused. */
final class BaseWeights {

    private final Path folder;
    private final ModelConfig config;
    private final TensorLoader loader;
    private final Map<String, StoredTensor> stored;
    private final Set<String> unused;
    private final List<Value> outer = new ArrayList<>();
    private final List<Value> norms = new ArrayList<>();
    private final List<Value> linears = new ArrayList<>();

    private BaseWeights(Path folder, ModelConfig config, TensorLoader loader, Map<String, StoredTensor> stored) {
        this.folder = folder;
        this.config = config;
        this.loader = loader;
        this.stored = stored;
        this.unused = new HashSet<>(stored.keySet());
    }

    /**
     * Loads all weights of a folder into the script's object, which keeps them until it is closed.
     *
     * @throws ModelRefused when a tensor is missing, has another shape, is not finite, or would not be used
     */
    static void install(Path folder, ModelConfig config, TensorLoader loader) {
        BaseWeights weights = new BaseWeights(folder, config, loader, WeightFiles.read(folder));
        try (OpenValues open = new OpenValues()) {
            weights.addAll(open);
            weights.refuseUnused();
            Torch torch = loader.torch();
            loader.script().call("install", open.add(torch.list(weights.outer)), open.add(torch.list(weights.norms)),
                    open.add(torch.list(weights.linears)),
                    open.add(torch.numbers(config.numLayers(), config.hiddenSize(), config.heads(), config.kvHeads(),
                            config.headDim())),
                    open.add(torch.numbers(windows(config))), open.add(torch.number(config.normEpsilon())),
                    open.add(torch.number(config.rope().attentionFactor()))).close();
        }
    }

    private static long[] windows(ModelConfig config) {
        return config.windows().stream().mapToLong(window -> window.orElse(0)).toArray();
    }

    private void addAll(OpenValues open) {
        long vocabulary = config.vocabularySize();
        long hidden = config.hiddenSize();
        Value embedding = open.add(take("model.embed_tokens.weight", vocabulary, hidden));
        outer.add(embedding);
        outer.add(open.add(take("model.norm.weight", hidden)));
        outer.add(config.tiedEmbeddings() ? embedding : open.add(take("lm_head.weight", vocabulary, hidden)));
        outer.add(open.add(loader.torch().floats(config.rope().inverseFrequencies(config.headDim()))));
        for (int layer = 0; layer < config.numLayers(); layer++) {
            String prefix = "model.layers." + layer + ".";
            norms.add(open.add(take(prefix + "input_layernorm.weight", hidden)));
            addLinear(open, prefix, Projection.sharingInput().get(0), config.biases().qkv());
            addLinear(open, prefix, Projection.sharingInput().get(1), config.biases().o());
            norms.add(open.add(take(prefix + "post_attention_layernorm.weight", hidden)));
            norms.add(open.add(headNorms(prefix)));
            addLinear(open, prefix, Projection.sharingInput().get(2), config.biases().mlp());
            addLinear(open, prefix, Projection.sharingInput().get(3), config.biases().mlp());
        }
    }

    /** One row a query head, then one a key head: a head's norm and its weights in one operation. */
    private Value headNorms(String prefix) {
        if (!config.headNorms()) {
            return loader.zeros(0);
        }
        try (Value q = take(prefix + "self_attn.q_norm.weight", config.headDim());
                Value k = take(prefix + "self_attn.k_norm.weight", config.headDim());
                Value heads = loader.torch().number(config.heads());
                Value kvHeads = loader.torch().number(config.kvHeads())) {
            return loader.script().call("head_norms", q, heads, k, kvHeads);
        }
    }

    private void addLinear(OpenValues open, String prefix, List<Projection> modules, boolean biased) {
        try (OpenValues parts = new OpenValues()) {
            List<Value> weights = new ArrayList<>();
            List<Value> biases = new ArrayList<>();
            for (Projection module : modules) {
                String name = prefix + module.path();
                int out = module.outputWidth(config);
                weights.add(parts.add(take(name + ".weight", out, module.inputWidth(config))));
                biases.add(parts.add(biased ? take(name + ".bias", out) : loader.zeros(0)));
            }
            linears.add(open.add(loader.stack(weights)));
            linears.add(open.add(loader.stack(biases)));
        }
    }

    private Value take(String name, long... shape) {
        StoredTensor tensor = stored.get(name);
        if (tensor == null) {
            throw ModelRefused.broken(folder, "tensor " + name + " is missing");
        }
        List<Long> expected = Arrays.stream(shape).boxed().toList();
        if (!tensor.shape().equals(expected)) {
            throw ModelRefused.broken(folder, "tensor " + name + " has the shape " + tensor.shape() + ", not " + expected);
        }
        unused.remove(name);
        return loader.load(folder, tensor);
    }

    private boolean isCopyOfTiedHead(String name) {
        return config.tiedEmbeddings() && name.equals("lm_head.weight")
                && stored.get(name).bytes().equals(stored.get("model.embed_tokens.weight").bytes());
    }

    private void refuseUnused() {
        // Old checkpoints store the frequencies that follow from the config, and a copy of a tied head.
        unused.removeIf(name -> name.endsWith(".rotary_emb.inv_freq") || isCopyOfTiedHead(name));
        if (!unused.isEmpty()) {
            throw ModelRefused.unsupported(folder, "tensor", unused.stream().sorted().limit(3).toList());
        }
    }
}
