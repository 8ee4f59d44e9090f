package io.tidemark.adapter;

import io.tidemark.decoder.lora.AdapterParts;
import io.tidemark.decoder.lora.LoraModule;
import io.tidemark.decoder.lora.TensorCopy;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModuleNames;
import io.tidemark.model.Projection;
import io.tidemark.model.StoredTensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads a PEFT folder and holds every tensor against the config and the base model: none is ignored, none is missed. */
final class AdapterReader {

    static final String CONFIG = "adapter_config.json";
    static final String WEIGHTS = AdapterTensors.FILE;

    private final Path configFile;
    private final ModelConfig model;
    private final AdapterConfig config;
    private final AdapterTensors tensors;

    private AdapterReader(Path folder, ModelConfig model) {
        this.configFile = folder.resolve(CONFIG);
        this.model = model;
        this.config = AdapterConfig.read(configFile);
        this.tensors = AdapterTensors.read(folder);
    }

    /** @throws AdapterRefused naming the file and the option or tensor that is broken or would not be applied */
    static AdapterParts read(Path folder, ModelConfig model) {
        AdapterReader reader = new AdapterReader(folder, model);
        AdapterParts parts = reader.parts();
        reader.tensors.refuseUnused();
        return parts;
    }

    private AdapterParts parts() {
        config.saved().refuseOthers(model);
        if (config.biased() && targets(ModuleNames.EMBEDDING)) {
            throw AdapterRefused.unsupported(
                    configFile, "lora_bias", "true where the embedding has LoRA: PEFT gives it no bias");
        }
        List<Map<Projection, LoraModule>> layers = new ArrayList<>();
        for (int layer = 0; layer < model.numLayers(); layer++) {
            layers.add(layer(layer));
        }
        Map<String, StoredTensor> replaced = replaced();
        Map<String, LoraModule> outer = outer();
        AdapterParts parts = new AdapterParts(layers, outer, replaced, baseCopies(), ownCopies(replaced, outer));
        if (layers.stream().allMatch(Map::isEmpty)
                && parts.outer().isEmpty()
                && parts.replaced().isEmpty()) {
            throw AdapterRefused.broken(configFile, "target_modules names no module of the base model");
        }
        return parts;
    }

    private Map<Projection, LoraModule> layer(int layer) {
        Map<Projection, LoraModule> modules = new EnumMap<>(Projection.class);
        for (Projection projection : Projection.values()) {
            String name = ModuleNames.linear(layer, projection);
            if (config.targets(name)) {
                modules.put(projection, linear(name, projection.inputWidth(model), projection.outputWidth(model)));
            }
        }
        return modules;
    }

    private LoraModule linear(String name, int in, int out) {
        int rank = config.rank(name);
        StoredTensor a = tensors.take(name + ".lora_A.weight", rank, in);
        StoredTensor b = tensors.take(name + ".lora_B.weight", out, rank);
        Optional<StoredTensor> bias =
                config.biased() ? Optional.of(tensors.take(name + ".lora_B.bias", out)) : Optional.empty();
        return new LoraModule(a, b, config.scale(name), magnitude(name, out), bias);
    }

    private Map<String, LoraModule> outer() {
        Map<String, LoraModule> modules = new HashMap<>();
        if (targets(ModuleNames.EMBEDDING)) {
            modules.put(ModuleNames.EMBEDDING, embedding());
        }
        if (targets(ModuleNames.HEAD)) {
            modules.put(ModuleNames.HEAD, linear(ModuleNames.HEAD, model.hiddenSize(), model.vocabularySize()));
        }
        return modules;
    }

    private LoraModule embedding() {
        String name = ModuleNames.EMBEDDING;
        int rank = config.rank(name);
        StoredTensor a = tensors.take(name + ".lora_embedding_A", rank, model.vocabularySize());
        StoredTensor b = tensors.take(name + ".lora_embedding_B", model.hiddenSize(), rank);
        return new LoraModule(a, b, config.scale(name), magnitude(name, model.hiddenSize()), Optional.empty());
    }

    private Optional<StoredTensor> magnitude(String name, int out) {
        return config.dora() ? Optional.of(tensors.take(name + ".lora_magnitude_vector", out)) : Optional.empty();
    }

    private Map<String, StoredTensor> replaced() {
        Map<String, StoredTensor> weights = new HashMap<>();
        for (String name : List.of(ModuleNames.EMBEDDING, ModuleNames.HEAD)) {
            if (isSaved(name)) {
                weights.put(
                        name + ".weight", tensors.take(name + ".weight", model.vocabularySize(), model.hiddenSize()));
            }
        }
        putNorm(weights, ModuleNames.FINAL_NORM);
        for (int layer = 0; layer < model.numLayers(); layer++) {
            ModuleNames.norms(layer, model).forEach(name -> putNorm(weights, name));
        }
        return weights;
    }

    private void putNorm(Map<String, StoredTensor> weights, String name) {
        if (config.saved().include(name)) {
            boolean ofHeads = name.contains(".self_attn.");
            weights.put(
                    name + ".weight", tensors.take(name + ".weight", ofHeads ? model.headDim() : model.hiddenSize()));
        }
    }

    /** PEFT writes the base's embedding and head too where they have LoRA, or where it is told to, be they saved or not. */
    private Map<String, StoredTensor> baseCopies() {
        Map<String, StoredTensor> weights = new HashMap<>();
        for (String name : List.of(ModuleNames.EMBEDDING, ModuleNames.HEAD)) {
            String stored = name
                    + (isSaved(name) ? ".original_module.weight" : targets(name) ? ".base_layer.weight" : ".weight");
            if (tensors.has(stored)) {
                weights.put(name + ".weight", tensors.take(stored, model.vocabularySize(), model.hiddenSize()));
            }
        }
        return weights;
    }

    /** Where PEFT is told to write the base's embedding and head, it writes saved ones a second time; and tied ones always. */
    private List<TensorCopy> ownCopies(Map<String, StoredTensor> replaced, Map<String, LoraModule> outer) {
        List<TensorCopy> copies = new ArrayList<>();
        for (String name : List.of(ModuleNames.EMBEDDING, ModuleNames.HEAD)) {
            String stored = name + ".modules_to_save.weight";
            if (isSaved(name) && tensors.has(stored)) {
                StoredTensor copy = tensors.take(stored, model.vocabularySize(), model.hiddenSize());
                copies.add(new TensorCopy(copy, replaced.get(name + ".weight"), false));
            }
        }
        // what is tied PEFT loads into one tensor, the head's last
        if (isTied() && isSaved(ModuleNames.HEAD)) {
            copies.add(new TensorCopy(
                    replaced.get(ModuleNames.EMBEDDING + ".weight"),
                    replaced.get(ModuleNames.HEAD + ".weight"),
                    false));
        }
        if (isTied() && targets(ModuleNames.HEAD)) {
            LoraModule embedding = outer.get(ModuleNames.EMBEDDING);
            LoraModule head = outer.get(ModuleNames.HEAD);
            copies.add(new TensorCopy(embedding.b(), head.a(), true));
            copies.add(new TensorCopy(embedding.a(), head.b(), true));
        }
        return copies;
    }

    private boolean isSaved(String name) {
        return config.saved().include(name)
                || isTied()
                        && (config.saved().include(ModuleNames.EMBEDDING)
                                || config.saved().include(ModuleNames.HEAD));
    }

    private boolean targets(String name) {
        return !isSaved(name)
                && (config.targets(name)
                        || isTied() && (config.targets(ModuleNames.EMBEDDING) || config.targets(ModuleNames.HEAD)));
    }

    /** Whether what the adapter does to the embedding or the head it does to both, and has written for both. */
    private boolean isTied() {
        return model.tiedEmbeddings() && config.tiesWeights();
    }
}
