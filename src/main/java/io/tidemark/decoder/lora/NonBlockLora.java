package io.tidemark.decoder.lora;

import static io.tidemark.decoder.script.DecoderMethod.EMBEDDING_DORA_FACTOR;
import static io.tidemark.decoder.script.DecoderMethod.EQUAL;
import static io.tidemark.decoder.script.DecoderMethod.EQUAL_TRANSPOSED;
import static io.tidemark.decoder.script.DecoderMethod.HEAD_DORA_FACTOR;
import static io.tidemark.decoder.script.DecoderMethod.HEAD_NORMS;
import static io.tidemark.decoder.script.DecoderMethod.OVERRIDES;
import static io.tidemark.decoder.script.DecoderMethod.SCALED;
import static io.tidemark.decoder.script.DecoderMethod.SCALED_B;
import static io.tidemark.decoder.script.DecoderMethod.TRANSPOSED_FACTOR;

import io.tidemark.decoder.lora.StoredAdapter.Duplicate;
import io.tidemark.decoder.script.DecoderLayouts.LayerNorm;
import io.tidemark.decoder.script.DecoderLayouts.OverrideTensor;
import io.tidemark.decoder.script.DecoderMethod;
import io.tidemark.decoder.weights.TensorLoader;
import io.tidemark.model.InvalidModelException;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModuleNames;
import io.tidemark.model.StoredTensor;
import io.tidemark.model.WeightFiles;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Loads what an adapter changes outside the linear modules of the decoder blocks: LoRA of the embedding and the head,
 * and weights that replace the base model's embedding, head or norms. Also checks the adapter's redundant copies of
 * tensors.
 */
final class NonBlockLora {

    private static final String EMBEDDING = ModuleNames.EMBEDDING + ".weight";

    private final Path modelFolder;
    private final ModelConfig config;
    private final TensorLoader loader;
    private final Path source;

    /** @param source the adapter's folder, for error messages */
    NonBlockLora(Path modelFolder, ModelConfig config, TensorLoader loader, Path source) {
        this.modelFolder = modelFolder;
        this.config = config;
        this.loader = loader;
        this.source = source;
    }

    /**
     * Loads the {@code Overrides} of {@code overrides.torchscript}; empty if the adapter uses all weights of the base
     * model.
     *
     * @throws InvalidModelException if a tensor is not finite, differs from its duplicate, or shows that the adapter
     *     was trained on another base model and cannot replace the base model's tensor
     */
    Optional<Value> load(StoredAdapter adapter) {
        adapter.duplicates().forEach(this::requireEqual);
        Map<String, StoredTensor> overrides = overrides(adapter);
        if (overrides.isEmpty() && adapter.nonBlock().isEmpty()) {
            return Optional.empty();
        }
        Optional<LoraModule> embedding = Optional.ofNullable(adapter.nonBlock().get(ModuleNames.EMBEDDING));
        Optional<LoraModule> head = Optional.ofNullable(adapter.nonBlock().get(ModuleNames.HEAD));
        try (ValueScope scope = new ValueScope()) {
            Map<OverrideTensor, Value> tensors = new EnumMap<>(OverrideTensor.class);
            for (OverrideTensor tensor : OverrideTensor.values()) {
                tensors.put(tensor, none(scope));
            }
            tensors.put(OverrideTensor.EMBEDDING, scope.add(override(overrides, ModuleNames.EMBEDDING)));
            embedding.ifPresent(lora -> putEmbeddingLora(tensors, scope, overrides, lora));
            tensors.put(OverrideTensor.HEAD, scope.add(override(overrides, ModuleNames.HEAD)));
            head.ifPresent(lora -> putHeadLora(tensors, scope, overrides, lora));
            tensors.put(OverrideTensor.FINAL_NORM, scope.add(override(overrides, ModuleNames.FINAL_NORM)));
            List<Value> norms = new ArrayList<>();
            for (int layer = 0; layer < config.numLayers(); layer++) {
                norms.addAll(norms(scope, overrides, layer).values());
            }
            Value tensorList = scope.add(loader.torch().list(List.copyOf(tensors.values())));
            return Optional.of(loader.script()
                    .call(OVERRIDES, tensorList, scope.add(loader.torch().list(norms))));
        }
    }

    private Map<LayerNorm, Value> norms(ValueScope scope, Map<String, StoredTensor> overrides, int layer) {
        Map<LayerNorm, Value> norms = new EnumMap<>(LayerNorm.class);
        norms.put(LayerNorm.ATTENTION, scope.add(override(overrides, ModuleNames.attentionNorm(layer))));
        norms.put(LayerNorm.MLP, scope.add(override(overrides, ModuleNames.mlpNorm(layer))));
        norms.put(LayerNorm.HEADS, scope.add(headNorms(overrides, layer)));
        return norms;
    }

    /** The overrides, and the copies that differ from the base model. */
    private Map<String, StoredTensor> overrides(StoredAdapter adapter) {
        Map<String, StoredTensor> overrides = new HashMap<>(adapter.overrides());
        adapter.baseCopies().forEach((name, copy) -> {
            if (areEqual(modelFolder, base(name), copy, false)) {
                return;
            }
            if (adapter.overrides().containsKey(name)) {
                throw InvalidModelException.unsupported(
                        source,
                        "tensor",
                        copy.name() + ", which differs from the base model's: use the base model that the adapter was "
                                + "trained on, or save the adapter again with save_embedding_layers=False");
            }
            if (config.tiedEmbeddings()) {
                throw InvalidModelException.unsupported(
                        source,
                        "tensor",
                        copy.name() + ", which differs from the base model's: embedding and head of the base model are "
                                + "one tensor, and the adapter does not say which of them this one replaces");
            }
            overrides.put(name, copy);
        });
        return overrides;
    }

    private void requireEqual(Duplicate duplicate) {
        if (!areEqual(source, duplicate.loaded(), duplicate.ignored(), duplicate.transposed())) {
            throw InvalidModelException.broken(
                    source,
                    "tensor " + duplicate.ignored().name() + " differs from "
                            + duplicate.loaded().name()
                            + ", which PEFT loads in its place: one of them is not the trained one; "
                            + "save the adapter again");
        }
    }

    private boolean areEqual(Path folder, StoredTensor original, StoredTensor copy, boolean transposed) {
        if (!transposed && original.type() == copy.type() && original.bytes().equals(copy.bytes())) {
            return true;
        }
        try (Value one = loader.load(folder, original);
                Value other = loader.load(source, copy);
                Value equal = loader.script().call(transposed ? EQUAL_TRANSPOSED : EQUAL, one, other)) {
            return equal.toFlag();
        }
    }

    /** The base model's embedding or head, which may be the same tensor. */
    private StoredTensor base(String name) {
        return WeightFiles.read(modelFolder).get(config.tiedEmbeddings() ? EMBEDDING : name);
    }

    /** The override of a module's weight; no elements if there is none. */
    private Value override(Map<String, StoredTensor> overrides, String module) {
        StoredTensor tensor = overrides.get(module + ".weight");
        return tensor == null ? loader.zeros(0) : loader.load(source, tensor);
    }

    /**
     * Norms of queries and keys are one tensor in the decoder: if only one is overridden, the other is the base
     * model's.
     */
    private Value headNorms(Map<String, StoredTensor> overrides, int layer) {
        String query = ModuleNames.queryNorm(layer) + ".weight";
        String key = ModuleNames.keyNorm(layer) + ".weight";
        if (!overrides.containsKey(query) && !overrides.containsKey(key)) {
            return loader.zeros(0);
        }
        try (Value q = overrideOrBase(overrides, query);
                Value k = overrideOrBase(overrides, key);
                Value heads = loader.torch().number(config.heads());
                Value kvHeads = loader.torch().number(config.kvHeads())) {
            return loader.script().call(HEAD_NORMS, q, heads, k, kvHeads);
        }
    }

    private Value overrideOrBase(Map<String, StoredTensor> overrides, String name) {
        return overrides.containsKey(name)
                ? loader.load(source, overrides.get(name))
                : loader.load(modelFolder, WeightFiles.read(modelFolder).get(name));
    }

    private void putEmbeddingLora(
            Map<OverrideTensor, Value> tensors,
            ValueScope scope,
            Map<String, StoredTensor> overrides,
            LoraModule lora) {
        Factors factors = factors(scope, overrides, lora, ModuleNames.EMBEDDING, EMBEDDING_DORA_FACTOR);
        tensors.put(OverrideTensor.EMBEDDING_A, factors.a());
        tensors.put(OverrideTensor.EMBEDDING_B, factors.b());
        tensors.put(OverrideTensor.EMBEDDING_FACTOR, factors.factor());
    }

    private void putHeadLora(
            Map<OverrideTensor, Value> tensors,
            ValueScope scope,
            Map<String, StoredTensor> overrides,
            LoraModule lora) {
        Factors factors = factors(scope, overrides, lora, ModuleNames.HEAD, HEAD_DORA_FACTOR);
        tensors.put(OverrideTensor.HEAD_A, factors.a());
        tensors.put(OverrideTensor.HEAD_B, factors.b());
        tensors.put(OverrideTensor.HEAD_FACTOR, factors.factor());
        tensors.put(OverrideTensor.HEAD_SHIFT, shift(scope, lora));
    }

    /** The transposes of A and B, and the factor. Scale and factor are multiplied into B. */
    private record Factors(Value a, Value b, Value factor) {}

    private Factors factors(
            ValueScope scope,
            Map<String, StoredTensor> overrides,
            LoraModule module,
            String name,
            DecoderMethod doraMethod) {
        try (Value a = loader.load(source, module.a());
                Value b = loader.load(source, module.b());
                Value scale = loader.torch().number(module.scale());
                Value one = loader.torch().number(1.0)) {
            Value transposedA = call(scope, TRANSPOSED_FACTOR, a, one);
            if (module.magnitude().isEmpty()) {
                return new Factors(transposedA, call(scope, TRANSPOSED_FACTOR, b, scale), none(scope));
            }
            try (Value magnitude = loader.load(source, module.magnitude().get());
                    Value weight = weight(overrides, name)) {
                Value factor = call(scope, doraMethod, magnitude, weight, a, b, scale);
                try (Value scaledB = loader.script().call(SCALED_B, b, scale, factor)) {
                    return new Factors(transposedA, call(scope, TRANSPOSED_FACTOR, scaledB, one), factor);
                }
            }
        }
    }

    /** The weight {@code [vocabulary, hidden]} that LoRA is added to. */
    private Value weight(Map<String, StoredTensor> overrides, String module) {
        StoredTensor override = overrides.get(module + ".weight");
        return override == null ? loader.load(modelFolder, base(module + ".weight")) : loader.load(source, override);
    }

    private Value shift(ValueScope scope, LoraModule module) {
        if (module.bias().isEmpty()) {
            return none(scope);
        }
        try (Value bias = loader.load(source, module.bias().get());
                Value scale = loader.torch().number(module.scale())) {
            return call(scope, SCALED, bias, scale);
        }
    }

    private Value call(ValueScope scope, DecoderMethod method, Value... arguments) {
        return scope.add(loader.script().call(method, arguments));
    }

    private Value none(ValueScope scope) {
        return scope.add(loader.zeros(0));
    }
}
