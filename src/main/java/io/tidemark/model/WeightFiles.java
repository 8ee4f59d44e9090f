package io.tidemark.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The weights of a model folder: {@code model.safetensors}, or shards with an index. */
public final class WeightFiles {

    private static final int SAMPLE_BYTES = 4096;

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

    /**
     * Identifies a base model: SHA-256 over the bytes of {@code config.json}, and then, for each tensor in the order of
     * its name, over the line {@code NAME TYPE [SIZE, SIZE]} and the first {@value #SAMPLE_BYTES} bytes of the tensor.
     * The distribution over shards has no effect. The rest of the bytes is left out, because reading it takes seconds
     * for a large model, and training changes all parts of a tensor.
     *
     * @return lower-case hexadecimal
     * @throws InvalidModelException if a file is missing or broken, or contradicts the index
     */
    public static String digest(Path folder) {
        Path config = folder.resolve("config.json");
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(Files.readAllBytes(config));
            new TreeMap<>(read(folder)).forEach((name, tensor) -> {
                String line = name + " " + tensor.type() + " " + tensor.shape() + "\n";
                digest.update(line.getBytes(StandardCharsets.UTF_8));
                ByteBuffer bytes = tensor.bytes();
                digest.update(bytes.slice(0, Math.min(SAMPLE_BYTES, bytes.limit())));
            });
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException e) {
            throw InvalidModelException.broken(config, "could not be read: " + e.getMessage(), e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("SHA-256 is part of every JDK", e);
        }
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
