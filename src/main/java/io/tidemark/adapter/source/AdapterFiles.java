package io.tidemark.adapter.source;

import io.tidemark.adapter.source.SourceException.Failure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The two files of an adapter in a folder of this machine, and their digest. A digest that was computed once is kept
 * as long as key, size and time of the files stay the same. Thread-safe.
 */
final class AdapterFiles {

    static final String CONFIG = "adapter_config.json";
    static final String WEIGHTS = "adapter_model.safetensors";
    /** What older versions of PEFT write. Reading it runs code that it contains. */
    static final String PICKLE = "adapter_model.bin";

    static final List<String> NAMES = List.of(CONFIG, WEIGHTS);

    private static final int KNOWN = 10_000;

    /** Changes whenever the content of a file changes. */
    private record FileVersion(String key, long bytes, long modifiedNanos) {}

    private record Known(List<FileVersion> versions, String digest) {}

    /** The least recently used digest is evicted first. */
    private final Map<Path, Known> known = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Path, Known> eldest) {
            return size() > KNOWN;
        }
    };

    /**
     * SHA-256 in hex over the bytes of the config, then of the weights file.
     *
     * @throws IOException also if a file is missing or changes meanwhile
     */
    String digest(Path folder) throws IOException {
        List<FileVersion> before = versions(folder);
        synchronized (known) {
            Known earlier = known.get(folder);
            if (earlier != null && earlier.versions.equals(before)) {
                return earlier.digest;
            }
        }
        Sha256 sha = new Sha256();
        for (String name : NAMES) {
            sha.update(folder.resolve(name));
        }
        if (!versions(folder).equals(before)) {
            throw new IOException("a file was changed while it was read");
        }
        String digest = sha.hex();
        remember(folder, before, digest);
        return digest;
    }

    /** Takes a digest over that was computed while the files were written. */
    void verified(Path folder, String digest) throws IOException {
        remember(folder, versions(folder), digest);
    }

    /** The size of both files. */
    static long bytes(Path folder) throws IOException {
        long bytes = 0;
        for (String name : NAMES) {
            bytes += Files.size(folder.resolve(name));
        }
        return bytes;
    }

    static SourceException onlyPickle(AdapterSource source) {
        return new SourceException(
                Failure.PICKLE,
                "source '" + source + "' has " + PICKLE + " but no " + WEIGHTS
                        + "; a pickle runs code when it is read: save the adapter with safe_serialization=True");
    }

    private void remember(Path folder, List<FileVersion> versions, String digest) {
        synchronized (known) {
            known.put(folder, new Known(versions, digest));
        }
    }

    private static List<FileVersion> versions(Path folder) throws IOException {
        return List.of(version(folder.resolve(CONFIG)), version(folder.resolve(WEIGHTS)));
    }

    private static FileVersion version(Path file) throws IOException {
        BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
        // a pipe would block the reader
        if (!attributes.isRegularFile()) {
            throw new IOException(file + " is not a file");
        }
        return new FileVersion(
                String.valueOf(attributes.fileKey()),
                attributes.size(),
                attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS));
    }
}
