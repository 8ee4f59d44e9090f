package io.tidemark.adapter;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.lora.StoredAdapter;
import io.tidemark.model.InvalidModelException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** Loads PEFT folders to the device of the base model. */
record FolderLoader(LanguageModel model) implements AdapterLoads.Loader {

    private static final List<String> FILES = List.of(AdapterReader.CONFIG, AdapterReader.WEIGHTS);

    /** Changes whenever the content of a file changes. */
    private record FileVersion(String key, long bytes, long modifiedMillis) {}

    @Override
    public void lowerThreadPriority() {
        model.lowerThreadPriority();
    }

    @Override
    public long check(Path folder) {
        AdapterReader.read(folder, model.config());
        return attributes(folder.resolve(AdapterReader.WEIGHTS)).size();
    }

    @Override
    public LoadedAdapter load(String id, Path folder) {
        List<FileVersion> before = versions(folder);
        String digest = digest(folder);
        LoraWeights weights = assemble(folder, 1);
        // results name the digest, so it must be that of the bytes that were loaded
        if (!versions(folder).equals(before)) {
            weights.close();
            throw InvalidAdapterException.broken(folder, "was changed while it was read");
        }
        return new LoadedAdapter(id, digest, weights);
    }

    /**
     * SHA-256 in hex over the bytes of the config, then of the weights file.
     *
     * @throws InvalidAdapterException if a file is missing or cannot be read
     */
    static String digest(Path folder) {
        MessageDigest digest = sha256();
        for (String name : FILES) {
            Path file = folder.resolve(name);
            try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
                in.transferTo(OutputStream.nullOutputStream());
            } catch (IOException e) {
                throw InvalidAdapterException.broken(file, "could not be read", e);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** @param factor multiplies the scale of all LoRA; 1 loads the adapter as it is */
    LoraWeights assemble(Path folder, double factor) {
        try {
            StoredAdapter stored = AdapterReader.read(folder, model.config());
            return model.decoder().loadAdapter(folder, stored.scaledBy(factor));
        } catch (InvalidModelException e) {
            throw InvalidAdapterException.because(e);
        }
    }

    private static List<FileVersion> versions(Path folder) {
        return FILES.stream()
                .map(name -> {
                    BasicFileAttributes file = attributes(folder.resolve(name));
                    return new FileVersion(
                            String.valueOf(file.fileKey()),
                            file.size(),
                            file.lastModifiedTime().toMillis());
                })
                .toList();
    }

    private static BasicFileAttributes attributes(Path file) {
        try {
            return Files.readAttributes(file, BasicFileAttributes.class);
        } catch (IOException e) {
            throw InvalidAdapterException.broken(file, "could not be read", e);
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
