package io.tidemark.adapter;

import io.tidemark.model.ModelRefused;
import io.tidemark.model.SafetensorsFile;
import io.tidemark.model.StoredTensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** An adapter's tensors by their names in the base model. Each is taken once, with the shape it must have. */
final class AdapterTensors {

    static final String FILE = "adapter_model.safetensors";
    private static final String PICKLE = "adapter_model.bin";

    private final Path file;
    private final Map<String, StoredTensor> tensors = new HashMap<>();
    private final Set<String> unused;

    private AdapterTensors(Path file, Map<String, StoredTensor> stored) {
        this.file = file;
        stored.forEach((name, tensor) -> {
            if (tensors.put(TensorSpelling.inModel(name), tensor) != null) {
                throw AdapterRefused.broken(file, "tensor " + name + " is there twice, under two spellings");
            }
        });
        this.unused = new TreeSet<>(tensors.keySet());
    }

    /** @throws AdapterRefused when the file is missing or broken, or names a tensor twice */
    static AdapterTensors read(Path folder) {
        Path file = folder.resolve(FILE);
        if (Files.isRegularFile(file)) {
            try {
                return new AdapterTensors(file, SafetensorsFile.read(file));
            } catch (ModelRefused e) {
                throw AdapterRefused.because(e);
            }
        }
        if (Files.isRegularFile(folder.resolve(PICKLE))) {
            throw AdapterRefused.unsupported(
                    folder.resolve(PICKLE),
                    "weights",
                    "a pickle, which can run any code that it "
                            + "holds; load it with PEFT and save_pretrained(..., safe_serialization=True), which writes "
                            + FILE);
        }
        throw AdapterRefused.broken(file, "is missing");
    }

    boolean has(String name) {
        return tensors.containsKey(name);
    }

    /** @throws AdapterRefused when the tensor is missing or has another shape */
    StoredTensor take(String name, long... shape) {
        StoredTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw AdapterRefused.broken(file, "tensor " + TensorSpelling.PREFIX + name + " is missing");
        }
        List<Long> expected = Arrays.stream(shape).boxed().toList();
        if (!tensor.shape().equals(expected)) {
            throw AdapterRefused.broken(
                    file, "tensor " + tensor.name() + " has the shape " + tensor.shape() + ", not " + expected);
        }
        unused.remove(name);
        return tensor;
    }

    /** @throws AdapterRefused when a tensor was never taken, and so would have no effect */
    void refuseUnused() {
        if (!unused.isEmpty()) {
            throw AdapterRefused.unsupported(
                    file, "tensor", tensors.get(unused.iterator().next()).name());
        }
    }
}
