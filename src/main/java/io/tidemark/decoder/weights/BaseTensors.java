package io.tidemark.decoder.weights;

import io.tidemark.model.ModelRefused;
import io.tidemark.model.StoredTensor;
import io.tidemark.model.WeightFiles;
import io.tidemark.torch.Value;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The tensors of a base model's folder. Each is used, or refused. */
final class BaseTensors {

    private final Path folder;
    private final TensorLoader loader;
    private final Map<String, StoredTensor> stored;
    private final Set<String> unused;

    BaseTensors(Path folder, TensorLoader loader) {
        this.folder = folder;
        this.loader = loader;
        this.stored = WeightFiles.read(folder);
        this.unused = new HashSet<>(stored.keySet());
    }

    /**
     * Brings a tensor to the device.
     *
     * @throws ModelRefused when it is missing, has another shape, or is not finite
     */
    Value take(String name, long... shape) {
        StoredTensor tensor = stored.get(name);
        if (tensor == null) {
            throw ModelRefused.broken(folder, "tensor " + name + " is missing");
        }
        List<Long> expected = Arrays.stream(shape).boxed().toList();
        if (!tensor.shape().equals(expected)) {
            throw ModelRefused.broken(
                    folder, "tensor " + name + " has the shape " + tensor.shape() + ", not " + expected);
        }
        unused.remove(name);
        return loader.load(folder, tensor);
    }

    private boolean isCopyOfTiedHead(String name) {
        return name.equals("lm_head.weight")
                && stored.get(name)
                        .bytes()
                        .equals(stored.get("model.embed_tokens.weight").bytes());
    }

    /** @throws ModelRefused when a tensor was not taken that says something of its own */
    void refuseUnused(boolean tiedEmbeddings) {
        // Old checkpoints store the frequencies that follow from the config, and a copy of a tied head.
        unused.removeIf(name -> name.endsWith(".rotary_emb.inv_freq") || tiedEmbeddings && isCopyOfTiedHead(name));
        if (!unused.isEmpty()) {
            throw ModelRefused.unsupported(
                    folder, "tensor", unused.stream().sorted().limit(3).toList());
        }
    }
}
