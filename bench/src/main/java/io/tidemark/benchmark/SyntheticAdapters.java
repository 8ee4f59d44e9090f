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
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * LoRA adapters with random weights for measurements, in PEFT's format, with all seven linear modules of every layer. A
 * has the scale of PEFT's initialization and B that of a short training, so that the cost of a step is realistic.
 *
 * <p>An instance is a temporary folder with adapters, which {@link #close} deletes.
 */
public final class SyntheticAdapters implements AutoCloseable {

    private static final List<String> FILES = List.of("adapter_config.json", "adapter_model.safetensors");

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final double STANDARD_DEVIATION_OF_B = 0.01;

    private final Path root;
    private final SortedMap<String, Path> folders = new TreeMap<>();

    private SyntheticAdapters(Path root) {
        this.root = root;
    }

    /**
     * Writes adapters to a temporary folder.
     *
     * @param distinct number of adapters with files of their own; the others are hard links to these, which use no disk
     *                 space
     */
    public static SyntheticAdapters write(ModelConfig model, int adapters, int distinct, int rank) {
        try {
            SyntheticAdapters written = new SyntheticAdapters(Files.createTempDirectory("tidemark-adapters"));
            for (int i = 0; i < adapters; i++) {
                written.add(model, i, i % distinct, rank);
            }
            return written;
        } catch (IOException e) {
            throw new UncheckedIOException("synthetic adapters could not be written", e);
        }
    }

    private void add(ModelConfig model, int number, int original, int rank) throws IOException {
        Path folder = root.resolve(id(number));
        if (number == original) {
            write(folder, model, rank, number);
        } else {
            Files.createDirectory(folder);
            for (String file : FILES) {
                Files.createLink(
                        folder.resolve(file), root.resolve(id(original)).resolve(file));
            }
        }
        folders.put(id(number), folder);
    }

    private static String id(int number) {
        return "adapter-%05d".formatted(number);
    }

    /** The adapters' folders by id. */
    public SortedMap<String, Path> folders() {
        return Collections.unmodifiableSortedMap(folders);
    }

    /** The size of one weights file. */
    public long bytesOfOne() {
        try {
            return Files.size(folders.get(folders.firstKey()).resolve(FILES.get(1)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Deletes the folder. */
    @Override
    public void close() {
        if (!Files.exists(root)) {
            return;
        }
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the synthetic adapters could not be deleted: " + root, e);
        }
    }

    /**
     * Writes {@code adapter_config.json} and {@code adapter_model.safetensors} (float32) of one adapter.
     *
     * @param folder created if missing; files of these names are replaced
     * @param model  configuration of the base model
     * @param rank   r of every module; alpha is 2 r
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
        ObjectNode header = JSON.createObjectNode();
        long offset = 0;
        for (Map.Entry<String, long[]> tensor : shapes.entrySet()) {
            long end = offset + tensor.getValue()[0] * tensor.getValue()[1] * Float.BYTES;
            ObjectNode node = header.putObject(tensor.getKey()).put("dtype", "F32");
            node.set("shape", JSON.valueToTree(tensor.getValue()));
            node.putArray("data_offsets").add(offset).add(end);
            offset = end;
        }
        return header.toString().getBytes(StandardCharsets.UTF_8);
    }

    /** The standard deviation of A is that of PEFT's uniform initialization, {@code 1 / sqrt(3 in)}. */
    private static byte[] gaussian(Random random, String name, long[] shape) {
        double deviation = name.contains("lora_A") ? 1 / Math.sqrt(3.0 * shape[1]) : STANDARD_DEVIATION_OF_B;
        ByteBuffer bytes = littleEndian(Math.toIntExact(shape[0] * shape[1] * Float.BYTES));
        while (bytes.hasRemaining()) {
            bytes.putFloat((float) (random.nextGaussian() * deviation));
        }
        return bytes.array();
    }

    private static String config(int rank) {
        ObjectNode config = JSON.createObjectNode()
                .put("peft_type", "LORA")
                .put("task_type", "CAUSAL_LM")
                .put("r", rank)
                .put("lora_alpha", 2 * rank)
                .put("lora_dropout", 0.0)
                .put("bias", "none")
                .put("inference_mode", true);
        config.set(
                "target_modules",
                JSON.valueToTree(Arrays.stream(Projection.values())
                        .map(module -> module.path().replaceAll(".*\\.", ""))
                        .toList()));
        return config.toPrettyString();
    }

    private static ByteBuffer littleEndian(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
