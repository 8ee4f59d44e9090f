package io.tidemark.adapter;

import io.tidemark.model.InvalidModelException;
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
import java.util.regex.Pattern;

/**
 * The weights file of an adapter: its tensors by canonical name. Records which tensors are used, so that unused ones
 * can be refused.
 */
final class AdapterFile {

    static final String NAME = "adapter_model.safetensors";
    /** The prefix that PEFT's {@code save_pretrained} adds to the names of the base model's modules. */
    static final String PREFIX = "base_model.model.";

    private static final String PICKLE = "adapter_model.bin";

    private static final Pattern WRAPPERS =
            Pattern.compile("(?<=^|\\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\\.");
    private static final Pattern TRAINER = Pattern.compile("^module\\.");
    private static final Pattern WITHOUT_PEFT_MODEL = Pattern.compile("^model\\.(?=model\\.|lm_head\\.)");
    private static final Pattern NAMED_LORA = Pattern.compile("\\.(lora_[AB])\\.[^.]+\\.(weight|bias)$");
    private static final Pattern NAMED_PARAMETER = Pattern.compile("\\.(lora_embedding_[AB])\\.[^.]+$");
    private static final Pattern MAGNITUDE = Pattern.compile("\\.lora_magnitude_vector(\\.[^.]+?)??(\\.weight)?$");
    private static final Pattern SAVED = Pattern.compile("\\.modules_to_save\\.[^.]+\\.");

    private final Path file;
    private final Map<String, StoredTensor> tensors = new HashMap<>();
    private final Set<String> unused;

    private AdapterFile(Path file, Map<String, StoredTensor> stored) {
        this.file = file;
        stored.forEach((name, tensor) -> {
            if (tensors.put(canonicalName(name), tensor) != null) {
                throw InvalidAdapterException.broken(file, "tensor " + name + " is present twice, under two names");
            }
        });
        this.unused = new TreeSet<>(tensors.keySet());
    }

    /** @throws InvalidAdapterException if the file is missing or broken, or has a tensor twice */
    static AdapterFile read(Path folder) {
        Path file = folder.resolve(NAME);
        if (Files.isRegularFile(file)) {
            try {
                return new AdapterFile(file, SafetensorsFile.read(file));
            } catch (InvalidModelException e) {
                throw InvalidAdapterException.because(e);
            }
        }
        if (Files.isRegularFile(folder.resolve(PICKLE))) {
            throw InvalidAdapterException.unsupported(
                    folder.resolve(PICKLE),
                    "weights",
                    "a pickle, which can execute any code; load it with PEFT and call save_pretrained(...,"
                            + " safe_serialization=True), which writes " + NAME);
        }
        throw InvalidAdapterException.broken(file, "is missing");
    }

    /**
     * The name of a tensor as the module's name in the base model followed by the tensor's name in the module, for
     * example {@code model.layers.0.self_attn.q_proj.lora_A.weight}. Removes the prefix of saved adapters, the
     * adapter's name in a live state dict ({@code lora_A.default.weight}) and the wrappers of training frameworks.
     */
    static String canonicalName(String stored) {
        String name = TRAINER.matcher(WRAPPERS.matcher(stored).replaceAll("")).replaceFirst("");
        name = name.startsWith(PREFIX)
                ? name.substring(PREFIX.length())
                : WITHOUT_PEFT_MODEL.matcher(name).replaceFirst("");
        name = NAMED_LORA.matcher(name).replaceFirst(".$1.$2");
        name = NAMED_PARAMETER.matcher(name).replaceFirst(".$1");
        name = MAGNITUDE.matcher(name).replaceFirst(".lora_magnitude_vector");
        return SAVED.matcher(name).replaceFirst(".");
    }

    boolean has(String name) {
        return tensors.containsKey(name);
    }

    /**
     * Returns a tensor and marks it as used.
     *
     * @throws InvalidAdapterException if the tensor is missing or has another shape
     */
    StoredTensor take(String name, long... shape) {
        StoredTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw InvalidAdapterException.broken(file, "tensor " + PREFIX + name + " is missing");
        }
        List<Long> expected = Arrays.stream(shape).boxed().toList();
        if (!tensor.shape().equals(expected)) {
            throw InvalidAdapterException.broken(
                    file, "tensor " + tensor.name() + " has the shape " + tensor.shape() + ", not " + expected);
        }
        unused.remove(name);
        return tensor;
    }

    /** @throws InvalidAdapterException if a tensor was never taken and would have no effect */
    void refuseUnused() {
        if (!unused.isEmpty()) {
            throw InvalidAdapterException.unsupported(
                    file, "tensor", tensors.get(unused.iterator().next()).name());
        }
    }
}
