package io.tidemark.benchmark;

import io.tidemark.model.ModelConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Many synthetic adapters in a temporary folder, which is deleted when this is closed. */
public final class SyntheticAdapterFolder implements AutoCloseable {

    private static final List<String> FILES = List.of("adapter_config.json", "adapter_model.safetensors");

    private final Path root;
    private final SortedMap<String, Path> adapters = new TreeMap<>();

    private SyntheticAdapterFolder(Path root) {
        this.root = root;
    }

    /** @param distinct how many are written; the others are hard links to them, which costs no disk */
    public static SyntheticAdapterFolder write(ModelConfig model, int adapters, int distinct, int rank) {
        try {
            SyntheticAdapterFolder folder = new SyntheticAdapterFolder(Files.createTempDirectory("tidemark-adapters"));
            for (int i = 0; i < adapters; i++) {
                folder.add(model, i, i % distinct, rank);
            }
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException("synthetic adapters could not be written", e);
        }
    }

    /** Their folders by id. */
    public SortedMap<String, Path> adapters() {
        return Collections.unmodifiableSortedMap(adapters);
    }

    /** Of the weights file of one. */
    public long bytesOfOne() {
        try {
            return Files.size(adapters.get(adapters.firstKey()).resolve(FILES.get(1)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void add(ModelConfig model, int number, int original, int rank) throws IOException {
        Path folder = root.resolve(id(number));
        if (number == original) {
            SyntheticAdapters.write(folder, model, rank, number);
        } else {
            Files.createDirectory(folder);
            for (String file : FILES) {
                Files.createLink(
                        folder.resolve(file), root.resolve(id(original)).resolve(file));
            }
        }
        adapters.put(id(number), folder);
    }

    private static String id(int number) {
        return "adapter-%05d".formatted(number);
    }

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
}
