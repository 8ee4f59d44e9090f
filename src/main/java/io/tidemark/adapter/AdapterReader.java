package io.tidemark.adapter;

import io.tidemark.model.LoraModule;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelRefused;
import io.tidemark.model.Projection;
import io.tidemark.model.SafetensorsFile;
import io.tidemark.model.StoredTensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Reads a PEFT folder and holds every tensor against the config and the base model: none is ignored, none is missed. */
final class AdapterReader {

    static final String CONFIG = "adapter_config.json";
    static final String WEIGHTS = "adapter_model.safetensors";
    private static final String PREFIX = "base_model.model.";

    private final Path weightsFile;
    private final ModelConfig model;
    private final AdapterConfig config;
    private final Map<String, StoredTensor> tensors = new HashMap<>();
    private final Set<String> unused;

    private AdapterReader(Path folder, ModelConfig model) {
        this.weightsFile = folder.resolve(WEIGHTS);
        this.model = model;
        this.config = AdapterConfig.read(folder.resolve(CONFIG));
        if (!Files.isRegularFile(weightsFile)) {
            throw AdapterRefused.broken(weightsFile, "is missing");
        }
        stored(weightsFile).forEach((name, tensor) -> {
            if (tensors.put(moduleTensor(name), tensor) != null) {
                throw AdapterRefused.broken(weightsFile, "tensor " + name + " is there twice, under two spellings");
            }
        });
        this.unused = new TreeSet<>(tensors.keySet());
    }

    /**
     * The LoRA modules of every layer, lowest first.
     *
     * @throws AdapterRefused naming the file and the option or tensor that is broken or would not be applied
     */
    static List<Map<Projection, LoraModule>> read(Path folder, ModelConfig model) {
        AdapterReader reader = new AdapterReader(folder, model);
        List<Map<Projection, LoraModule>> layers = new ArrayList<>();
        for (int layer = 0; layer < model.numLayers(); layer++) {
            layers.add(reader.layer(layer));
        }
        if (!reader.unused.isEmpty()) {
            throw AdapterRefused.unsupported(reader.weightsFile, "tensor", reader.unused.iterator().next());
        }
        return layers;
    }

    private Map<Projection, LoraModule> layer(int layer) {
        Map<Projection, LoraModule> modules = new EnumMap<>(Projection.class);
        for (Projection projection : Projection.values()) {
            if (config.targets().include(layer, projection)) {
                String name = TargetModules.name(layer, projection);
                int rank = (int) config.rank().valueFor(name);
                StoredTensor a = take(name + ".lora_A.weight", rank, projection.inputWidth(model));
                StoredTensor b = take(name + ".lora_B.weight", projection.outputWidth(model), rank);
                modules.put(projection, new LoraModule(a, b, config.scale(name)));
            }
        }
        return modules;
    }

    private StoredTensor take(String name, long rows, long columns) {
        StoredTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw AdapterRefused.broken(weightsFile, "tensor " + PREFIX + name + " is missing");
        }
        if (!tensor.shape().equals(List.of(rows, columns))) {
            throw AdapterRefused.broken(weightsFile, "tensor " + tensor.name() + " has the shape " + tensor.shape()
                    + ", not " + List.of(rows, columns));
        }
        unused.remove(name);
        return tensor;
    }

    /** PEFT writes {@code base_model.model.X.lora_A.weight}; live state dicts have {@code lora_A.default.weight}. */
    private static String moduleTensor(String name) {
        String inModel = name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
        return inModel.replace(".lora_A.default.", ".lora_A.").replace(".lora_B.default.", ".lora_B.");
    }

    private static Map<String, StoredTensor> stored(Path file) {
        try {
            return SafetensorsFile.read(file);
        } catch (ModelRefused e) {
            throw AdapterRefused.because(e);
        }
    }
}
