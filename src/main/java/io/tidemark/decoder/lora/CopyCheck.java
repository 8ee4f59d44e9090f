package io.tidemark.decoder.lora;

import io.tidemark.decoder.weights.TensorLoader;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelRefused;
import io.tidemark.model.ModuleNames;
import io.tidemark.model.StoredTensor;
import io.tidemark.model.WeightFiles;
import io.tidemark.torch.Value;
import java.nio.file.Path;
import java.util.Map;

/** Holds what an adapter has copied, of its own tensors and of the base's, against the originals. */
final class CopyCheck {

    private final Path modelFolder;
    private final ModelConfig config;
    private final TensorLoader loader;

    CopyCheck(Path modelFolder, ModelConfig config, TensorLoader loader) {
        this.modelFolder = modelFolder;
        this.config = config;
        this.loader = loader;
    }

    /** @throws ModelRefused when one of the tensors, which would have no effect, is not equal to the one in use */
    void refuseUnequal(Path source, Iterable<TensorCopy> copies) {
        for (TensorCopy each : copies) {
            if (!areEqual(source, each.loaded(), source, each.copy(), each.turned())) {
                throw ModelRefused.broken(
                        source,
                        "tensor " + each.copy().name() + " differs from "
                                + each.loaded().name()
                                + ", which PEFT uses in its place: one of them is not what was trained; save the adapter anew");
            }
        }
    }

    boolean isTheBases(Path source, String name, StoredTensor copy) {
        return areEqual(modelFolder, base(name), source, copy, false);
    }

    /** The base's embedding or head, which may be one for both. */
    StoredTensor base(String name) {
        Map<String, StoredTensor> stored = WeightFiles.read(modelFolder);
        return config.tiedEmbeddings() ? stored.get(ModuleNames.EMBEDDING + ".weight") : stored.get(name);
    }

    private boolean areEqual(Path from, StoredTensor original, Path source, StoredTensor copy, boolean turned) {
        if (!turned && original.type() == copy.type() && original.bytes().equals(copy.bytes())) {
            return true;
        }
        try (Value ours = loader.load(from, original);
                Value theirs = loader.load(source, copy);
                Value equal = loader.script().call(turned ? "equal_turned" : "equal", ours, theirs)) {
            return equal.toFlag();
        }
    }
}
