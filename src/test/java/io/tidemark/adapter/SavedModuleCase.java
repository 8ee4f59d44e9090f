package io.tidemark.adapter;

import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import io.tidemark.fixture.TensorFile.Tensor;
import java.util.List;
import java.util.stream.Stream;

/** An adapter with saved modules, and the tensor of the base model that they replace. */
enum SavedModuleCase {
    UNTIED_HEAD("llama-gqa", "modules-to-save", SavedModuleCase.HEAD, List.of(SavedModuleCase.HEAD)),
    TIED_EMBEDDING_ONLY("qwen2-tied", "embed-saved", SavedModuleCase.EMBEDDING, List.of(SavedModuleCase.EMBEDDING)),
    TIED_BOTH(
            "qwen2-tied",
            "embed-saved-tied",
            SavedModuleCase.EMBEDDING,
            List.of(SavedModuleCase.EMBEDDING, SavedModuleCase.HEAD));

    static final String EMBEDDING = "model.embed_tokens";
    static final String HEAD = "lm_head";

    private final String family;
    private final String adapter;
    private final String base;
    private final List<String> modules;

    SavedModuleCase(String family, String adapter, String base, List<String> modules) {
        this.family = family;
        this.adapter = adapter;
        this.base = base;
        this.modules = modules;
    }

    /** Adds the copies that PEFT's wrapper of a saved module has. */
    void addCopies(TensorFile weights) {
        Tensor behind = TensorFile.read(Folders.model(family).resolve("model.safetensors"))
                .tensors()
                .get(base + ".weight");
        for (String module : modules) {
            weights.with(again(module), copyOf(weights.tensors().get(loaded(module))));
            weights.with(original(module), copyOf(behind));
        }
    }

    String family() {
        return family;
    }

    String adapter() {
        return adapter;
    }

    List<String> modules() {
        return modules;
    }

    List<String> copies() {
        return modules.stream()
                .flatMap(module -> Stream.of(again(module), original(module)))
                .toList();
    }

    /** The tensor that PEFT loads. */
    static String loaded(String module) {
        return AdapterFile.PREFIX + module + ".weight";
    }

    static String again(String module) {
        return AdapterFile.PREFIX + module + ".modules_to_save.weight";
    }

    static String original(String module) {
        return AdapterFile.PREFIX + module + ".original_module.weight";
    }

    private static Tensor copyOf(Tensor tensor) {
        return new Tensor(tensor.dtype(), tensor.shape(), tensor.bytes().clone());
    }
}
