package io.tidemark.decoder.lora;

import io.tidemark.decoder.lora.StoredAdapter.Duplicate;
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
     * @throws InvalidModelException if a tensor is not finite, differs from its duplicate, or shows that the adapter was
     *     trained on another base model and cannot replace the base model's tensor
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
            List<Value> list = new ArrayList<>();
            list.add(scope.add(override(overrides, ModuleNames.EMBEDDING)));
            list.addAll(embeddingLora(scope, overrides, embedding));
            list.add(scope.add(override(overrides, ModuleNames.HEAD)));
            list.addAll(headLora(scope, overrides, head));
            list.add(scope.add(override(overrides, ModuleNames.FINAL_NORM)));
            for (int layer = 0; layer < config.numLayers(); layer++) {
                list.add(scope.add(override(overrides, ModuleNames.attentionNorm(layer))));
                list.add(scope.add(override(overrides, ModuleNames.mlpNorm(layer))));
                list.add(scope.add(headNorms(overrides, layer)));
            }
            return Optional.of(
                    loader.script().call("overrides", scope.add(loader.torch().list(list))));
        }
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
                Value equal = loader.script().call(transposed ? "equal_transposed" : "equal", one, other)) {
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
            return loader.script().call("head_norms", q, heads, k, kvHeads);
        }
    }

    private Value overrideOrBase(Map<String, StoredTensor> overrides, String name) {
        return overrides.containsKey(name)
                ? loader.load(source, overrides.get(name))
                : loader.load(modelFolder, WeightFiles.read(modelFolder).get(name));
    }

    /** A {@code [vocabulary, r]}, B {@code [r, hidden]} and factor {@code [hidden]}; no elements without LoRA. */
    private List<Value> embeddingLora(
            ValueScope scope, Map<String, StoredTensor> overrides, Optional<LoraModule> lora) {
        return lora.map(module -> factors(scope, overrides, module, ModuleNames.EMBEDDING, "embedding_dora_factor"))
                .orElseGet(() -> List.of(none(scope), none(scope), none(scope)));
    }

    /**
     * A {@code [hidden, r]}, B {@code [r, vocabulary]}, factor and shift {@code [vocabulary]}; no elements without
     * LoRA.
     */
    private List<Value> headLora(ValueScope scope, Map<String, StoredTensor> overrides, Optional<LoraModule> lora) {
        List<Value> tensors = new ArrayList<>(
                lora.map(module -> factors(scope, overrides, module, ModuleNames.HEAD, "head_dora_factor"))
                        .orElseGet(() -> List.of(none(scope), none(scope), none(scope))));
        tensors.add(lora.map(module -> shift(scope, module)).orElseGet(() -> none(scope)));
        return tensors;
    }

    /** The transposes of A and B, and the factor. Scale and factor are multiplied into B. */
    private List<Value> factors(
            ValueScope scope, Map<String, StoredTensor> overrides, LoraModule module, String name, String doraMethod) {
        try (Value a = loader.load(source, module.a());
                Value b = loader.load(source, module.b());
                Value scale = loader.torch().number(module.scale());
                Value one = loader.torch().number(1.0)) {
            Value transposedA = call(scope, "transposed_factor", a, one);
            if (module.magnitude().isEmpty()) {
                return List.of(transposedA, call(scope, "transposed_factor", b, scale), none(scope));
            }
            try (Value magnitude = loader.load(source, module.magnitude().get());
                    Value weight = weight(overrides, name)) {
                Value factor = call(scope, doraMethod, magnitude, weight, a, b, scale);
                try (Value scaledB = loader.script().call("scaled_b", b, scale, factor)) {
                    return List.of(transposedA, call(scope, "transposed_factor", scaledB, one), factor);
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
            return call(scope, "scaled", bias, scale);
        }
    }

    private Value call(ValueScope scope, String method, Value... arguments) {
        return scope.add(loader.script().call(method, arguments));
    }

    private Value none(ValueScope scope) {
        return scope.add(loader.zeros(0));
    }
}
