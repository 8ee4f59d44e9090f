package io.tidemark.adapter;

import io.tidemark.decoder.lora.LoraModule;
import io.tidemark.decoder.lora.StoredAdapter;
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

/**
 * Reads a PEFT folder without the values of its tensors. Every tensor that config and base model require must be
 * present with the right shape, and every tensor of the file must be used.
 */
final class AdapterReader {

    static final String CONFIG = "adapter_config.json";
    static final String WEIGHTS = AdapterFile.NAME;

    private final Path configFile;
    private final ModelConfig model;
    private final AdapterConfig config;
    private final AdapterFile file;

    private AdapterReader(Path folder, ModelConfig model) {
        this.configFile = folder.resolve(CONFIG);
        this.model = model;
        this.config = AdapterConfig.read(configFile);
        this.file = AdapterFile.read(folder);
    }

    /**
     * @throws InvalidAdapterException if an option or tensor is missing, broken or would not be applied; the message
     *     names it
     */
    static StoredAdapter read(Path folder, ModelConfig model) {
        AdapterReader reader = new AdapterReader(folder, model);
        StoredAdapter parts = reader.parts();
        reader.file.refuseUnused();
        return parts;
    }

    private StoredAdapter parts() {
        config.modules().refuseUnsupportedSaved(model);
        if (config.loraBias() && hasLora(ModuleNames.EMBEDDING)) {
            throw InvalidAdapterException.unsupported(
                    configFile, "lora_bias", "true with LoRA on the embedding, which PEFT does not support");
        }
        List<Map<Projection, LoraModule>> layers = new ArrayList<>();
        for (int layer = 0; layer < model.numLayers(); layer++) {
            layers.add(layer(layer));
        }
        Map<String, StoredTensor> replaced = replaced();
        Map<String, LoraModule> nonBlock = nonBlock();
        StoredAdapter parts =
                new StoredAdapter(layers, nonBlock, replaced, baseCopies(), duplicates(replaced, nonBlock));
        if (layers.stream().allMatch(Map::isEmpty) && nonBlock.isEmpty() && replaced.isEmpty()) {
            throw InvalidAdapterException.broken(configFile, "target_modules matches no module of the base model");
        }
        return parts;
    }

    private Map<Projection, LoraModule> layer(int layer) {
        Map<Projection, LoraModule> modules = new EnumMap<>(Projection.class);
        for (Projection projection : Projection.values()) {
            String name = ModuleNames.linear(layer, projection);
            if (config.modules().hasLora(name)) {
                modules.put(projection, linear(name, projection.inputWidth(model), projection.outputWidth(model)));
            }
        }
        return modules;
    }

    private LoraModule linear(String name, int in, int out) {
        int rank = config.rank(name);
        StoredTensor a = file.take(name + ".lora_A.weight", rank, in);
        StoredTensor b = file.take(name + ".lora_B.weight", out, rank);
        Optional<StoredTensor> bias =
                config.loraBias() ? Optional.of(file.take(name + ".lora_B.bias", out)) : Optional.empty();
        return new LoraModule(a, b, config.scale(name), magnitude(name, out), bias);
    }

    private Map<String, LoraModule> nonBlock() {
        Map<String, LoraModule> modules = new HashMap<>();
        if (hasLora(ModuleNames.EMBEDDING)) {
            modules.put(ModuleNames.EMBEDDING, embedding());
        }
        if (hasLora(ModuleNames.HEAD)) {
            modules.put(ModuleNames.HEAD, linear(ModuleNames.HEAD, model.hiddenSize(), model.vocabularySize()));
        }
        return modules;
    }

    private LoraModule embedding() {
        String name = ModuleNames.EMBEDDING;
        int rank = config.rank(name);
        StoredTensor a = file.take(name + ".lora_embedding_A", rank, model.vocabularySize());
        StoredTensor b = file.take(name + ".lora_embedding_B", model.hiddenSize(), rank);
        return new LoraModule(a, b, config.scale(name), magnitude(name, model.hiddenSize()), Optional.empty());
    }

    private Optional<StoredTensor> magnitude(String name, int out) {
        return config.dora() ? Optional.of(file.take(name + ".lora_magnitude_vector", out)) : Optional.empty();
    }

    private Map<String, StoredTensor> replaced() {
        Map<String, StoredTensor> weights = new HashMap<>();
        for (String name : List.of(ModuleNames.EMBEDDING, ModuleNames.HEAD)) {
            if (isSaved(name)) {
                weights.put(name + ".weight", file.take(name + ".weight", model.vocabularySize(), model.hiddenSize()));
            }
        }
        putNorm(weights, ModuleNames.FINAL_NORM);
        for (int layer = 0; layer < model.numLayers(); layer++) {
            ModuleNames.norms(layer, model).forEach(name -> putNorm(weights, name));
        }
        return weights;
    }

    private void putNorm(Map<String, StoredTensor> weights, String name) {
        if (config.modules().isSaved(name)) {
            boolean perHead = name.contains(".self_attn.");
            weights.put(name + ".weight", file.take(name + ".weight", perHead ? model.headDim() : model.hiddenSize()));
        }
    }

    /**
     * Copies of the base's embedding and head. PEFT writes them if they have LoRA or if {@code save_embedding_layers}
     * is set, for saved modules too.
     */
    private Map<String, StoredTensor> baseCopies() {
        Map<String, StoredTensor> weights = new HashMap<>();
        for (String name : List.of(ModuleNames.EMBEDDING, ModuleNames.HEAD)) {
            String stored = name
                    + (isSaved(name) ? ".original_module.weight" : hasLora(name) ? ".base_layer.weight" : ".weight");
            if (file.has(stored)) {
                weights.put(name + ".weight", file.take(stored, model.vocabularySize(), model.hiddenSize()));
            }
        }
        return weights;
    }

    /**
     * Tensors that the file holds twice and that must be equal. PEFT writes a saved embedding or head a second time if
     * {@code save_embedding_layers} is set, and tied ones always.
     */
    private List<StoredAdapter.Duplicate> duplicates(
            Map<String, StoredTensor> replaced, Map<String, LoraModule> nonBlock) {
        List<StoredAdapter.Duplicate> copies = new ArrayList<>();
        for (String name : List.of(ModuleNames.EMBEDDING, ModuleNames.HEAD)) {
            String stored = name + ".modules_to_save.weight";
            if (isSaved(name) && file.has(stored)) {
                StoredTensor copy = file.take(stored, model.vocabularySize(), model.hiddenSize());
                copies.add(new StoredAdapter.Duplicate(copy, replaced.get(name + ".weight"), false));
            }
        }
        // PEFT loads both tensors of tied modules into one parameter, that of the head last
        if (isTied() && isSaved(ModuleNames.HEAD)) {
            copies.add(new StoredAdapter.Duplicate(
                    replaced.get(ModuleNames.EMBEDDING + ".weight"),
                    replaced.get(ModuleNames.HEAD + ".weight"),
                    false));
        }
        if (isTied() && hasLora(ModuleNames.HEAD)) {
            LoraModule embedding = nonBlock.get(ModuleNames.EMBEDDING);
            LoraModule head = nonBlock.get(ModuleNames.HEAD);
            copies.add(new StoredAdapter.Duplicate(embedding.b(), head.a(), true));
            copies.add(new StoredAdapter.Duplicate(embedding.a(), head.b(), true));
        }
        return copies;
    }

    private boolean isSaved(String name) {
        return config.modules().isSaved(name)
                || isTied()
                        && (config.modules().isSaved(ModuleNames.EMBEDDING)
                                || config.modules().isSaved(ModuleNames.HEAD));
    }

    private boolean hasLora(String name) {
        return !isSaved(name)
                && (config.modules().hasLora(name)
                        || isTied()
                                && (config.modules().hasLora(ModuleNames.EMBEDDING)
                                        || config.modules().hasLora(ModuleNames.HEAD)));
    }

    /** Whether what applies to the embedding or the head applies to both, and the file has tensors for both. */
    private boolean isTied() {
        return model.tiedEmbeddings() && config.tiesWeights();
    }
}
