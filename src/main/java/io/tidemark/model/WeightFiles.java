package io.tidemark.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The weights of a model folder: {@code model.safetensors}, or shards with an index. */
public final class WeightFiles {

    private WeightFiles() {}

    /**
     * The tensors by name.
     *
     * @throws InvalidModelException if a file is missing or broken, or contradicts the index
     */
    public static Map<String, StoredTensor> read(Path folder) {
        Path single = folder.resolve("model.safetensors");
        if (Files.isRegularFile(single)) {
            return SafetensorsFile.read(single);
        }
        Path index = folder.resolve("model.safetensors.index.json");
        if (!Files.isRegularFile(index)) {
            throw InvalidModelException.broken(single, "is missing, and so is model.safetensors.index.json");
        }
        return readShards(folder, JsonFields.read(index));
    }

    private static Map<String, StoredTensor> readShards(Path folder, JsonFields index) {
        Map<String, StoredTensor> tensors = new HashMap<>();
        Map<String, String> shardOf = shardOf(index);
        Set<String> shards = new TreeSet<>(shardOf.values());
        for (String shard : shards) {
            for (StoredTensor tensor :
                    SafetensorsFile.read(folder.resolve(shard)).values()) {
                if (!shard.equals(shardOf.get(tensor.name()))) {
                    throw InvalidModelException.broken(
                            index.file(), "does not place tensor " + tensor.name() + " in " + shard);
                }
                tensors.put(tensor.name(), tensor);
            }
        }
        shardOf.forEach((tensor, shard) -> {
            if (!tensors.containsKey(tensor)) {
                throw InvalidModelException.broken(
                        index.file(), "places tensor " + tensor + " in " + shard + ", which lacks it");
            }
        });
        return tensors;
    }

    private static Map<String, String> shardOf(JsonFields index) {
        Map<String, String> shardOf = new TreeMap<>();
        for (Map.Entry<String, JsonNode> entry :
                index.object("weight_map").root().properties()) {
            String shard = entry.getValue().asText();
            if (!shard.matches("[A-Za-z0-9._-]+\\.safetensors")) {
                throw InvalidModelException.broken(index.file(), "names a shard outside its folder: " + shard);
            }
            shardOf.put(entry.getKey(), shard);
        }
        if (shardOf.isEmpty()) {
            throw index.wrong("weight_map", "an object that names shards");
        }
        return shardOf;
    }
}
