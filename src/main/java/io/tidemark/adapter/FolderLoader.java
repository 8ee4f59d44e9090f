package io.tidemark.adapter;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.model.ModelRefused;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;

/** Brings PEFT folders to the base model's device. */
record FolderLoader(LanguageModel model) implements AdapterLoader {

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
        List<State> before = states(folder);
        String digest = AdapterDigest.of(folder);
        LoraWeights weights = assemble(folder);
        // a result names the version that made it, so the digest must be that of the bytes that were loaded
        if (!states(folder).equals(before)) {
            weights.close();
            throw AdapterRefused.broken(folder, "was changed while it was read");
        }
        return new LoadedAdapter(id, digest, weights);
    }

    private LoraWeights assemble(Path folder) {
        try {
            return model.decoder().assemble(folder, AdapterReader.read(folder, model.config()));
        } catch (ModelRefused e) {
            throw AdapterRefused.because(e);
        }
    }

    /** What changes with a file's content. */
    private record State(Object file, long bytes, long modifiedMillis) {}

    private static List<State> states(Path folder) {
        return List.of(AdapterReader.CONFIG, AdapterReader.WEIGHTS).stream()
                .map(name -> {
                    BasicFileAttributes now = attributes(folder.resolve(name));
                    return new State(
                            String.valueOf(now.fileKey()),
                            now.size(),
                            now.lastModifiedTime().toMillis());
                })
                .toList();
    }

    private static BasicFileAttributes attributes(Path file) {
        try {
            return Files.readAttributes(file, BasicFileAttributes.class);
        } catch (IOException e) {
            throw AdapterRefused.broken(file, "could not be read", e);
        }
    }
}
