package io.tidemark.benchmark;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.Projection;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/**
 * LoRA folders of random numbers for measurements: all seven linear modules of every layer, in PEFT's format, so that
 * other engines read them too. A has the size that PEFT starts with, B that of a short training; the text they write
 * means nothing, the work they cost is real.
 */
public final class SyntheticAdapters {

    private static final double STANDARD_DEVIATION_OF_B = 0.01;

    private SyntheticAdapters() {}

    /**
     * Writes {@code adapter_config.json} and {@code adapter_model.safetensors} (float32).
     *
     * @param folder made where it is missing; files of these names in it are replaced
     * @param model  the base model that the adapter is for
     * @param rank   r of every module; alpha is twice that
     * @param seed   the same seed writes the same bytes
     */
    public static void write(Path folder, ModelConfig model, int rank, long seed) {
        Map<String, long[]> shapes = shapes(model, rank);
        try {
            Files.createDirectories(folder);
            Files.writeString(folder.resolve("adapter_config.json"), config(rank));
            try (OutputStream out =
                    new BufferedOutputStream(Files.newOutputStream(folder.resolve("adapter_model.safetensors")))) {
                byte[] header = header(shapes);
                out.write(littleEndian(Long.BYTES).putLong(header.length).array());
                out.write(header);
                Random random = new Random(seed);
                for (Map.Entry<String, long[]> tensor : shapes.entrySet()) {
                    out.write(gaussian(random, tensor.getKey(), tensor.getValue()));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("a synthetic adapter could not be written to " + folder, e);
        }
    }

    private static Map<String, long[]> shapes(ModelConfig model, int rank) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        for (int layer = 0; layer < model.numLayers(); layer++) {
            for (Projection module : Projection.values()) {
                String name = "base_model.model.model.layers." + layer + "." + module.path();
                shapes.put(name + ".lora_A.weight", new long[] {rank, module.inputWidth(model)});
                shapes.put(name + ".lora_B.weight", new long[] {module.outputWidth(model), rank});
            }
        }
        return shapes;
    }

    private static byte[] header(Map<String, long[]> shapes) {
        ObjectMapper json = new ObjectMapper();
        ObjectNode header = json.createObjectNode();
        long at = 0;
        for (Map.Entry<String, long[]> tensor : shapes.entrySet()) {
            long end = at + tensor.getValue()[0] * tensor.getValue()[1] * Float.BYTES;
            ObjectNode node = header.putObject(tensor.getKey()).put("dtype", "F32");
            node.set("shape", json.valueToTree(tensor.getValue()));
            node.putArray("data_offsets").add(at).add(end);
            at = end;
        }
        return header.toString().getBytes(StandardCharsets.UTF_8);
    }

    /** A's standard deviation is that of PEFT's uniform start, {@code 1 / sqrt(3 in)}. */
    private static byte[] gaussian(Random random, String name, long[] shape) {
        double deviation = name.contains("lora_A") ? 1 / Math.sqrt(3.0 * shape[1]) : STANDARD_DEVIATION_OF_B;
        ByteBuffer bytes = littleEndian(Math.toIntExact(shape[0] * shape[1] * Float.BYTES));
        while (bytes.hasRemaining()) {
            bytes.putFloat((float) (random.nextGaussian() * deviation));
        }
        return bytes.array();
    }

    private static String config(int rank) {
        ObjectMapper json = new ObjectMapper();
        ObjectNode config = json.createObjectNode()
                .put("peft_type", "LORA")
                .put("task_type", "CAUSAL_LM")
                .put("r", rank)
                .put("lora_alpha", 2 * rank)
                .put("lora_dropout", 0.0)
                .put("bias", "none")
                .put("inference_mode", true);
        config.set(
                "target_modules",
                json.valueToTree(Arrays.stream(Projection.values())
                        .map(module -> module.path().replaceAll(".*\\.", ""))
                        .toList()));
        return config.toPrettyString();
    }

    private static ByteBuffer littleEndian(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
