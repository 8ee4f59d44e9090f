package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import io.tidemark.fixture.TensorFile.Tensor;
import io.tidemark.model.ModelConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Each tensor of an adapter")
class EveryTensorTest {

    private static final String WEIGHTS = "adapter_model.safetensors";

    @TempDir
    private Path temp;

    @ParameterizedTest(name = "{0}")
    @DisplayName("An adapter with a missing, renamed or reshaped tensor is refused, and the message names the tensor")
    @ValueSource(
            strings = {
                "llama-gqa",
                "llama3-rope-tied",
                "llama-biased-mha",
                "mistral-window",
                "qwen2-layer-types",
                "qwen3-window-yarn",
                "qwen3-norms",
                "qwen2-tied",
                "llama-made"
            })
    void isUsed(String family) {
        ModelConfig model = config(family);
        for (String adapter : Folders.adapters(family)) {
            Path folder = Folders.copyOfAdapter(family, adapter, temp);
            AdapterReader.read(folder, model);
            TensorFile original = TensorFile.read(folder.resolve(WEIGHTS));
            for (String name : List.copyOf(original.tensors().keySet())) {
                Tensor tensor = original.tensors().get(name);
                if (!isOptional(name)) {
                    assertRefused(folder, model, name, file -> file.without(name));
                }
                assertRefused(folder, model, name, file -> file.renamed(name, name + "_"));
                assertRefused(
                        folder,
                        model,
                        name,
                        file -> file.with(name, new Tensor(tensor.dtype(), flat(tensor), tensor.bytes())));
            }
        }
    }

    /** A copy of the base's embedding or head, which is optional. */
    private static boolean isOptional(String name) {
        return name.endsWith(".base_layer.weight");
    }

    /** The same number of elements with three dimensions. */
    private static long[] flat(Tensor tensor) {
        long count = 1;
        for (long size : tensor.shape()) {
            count *= size;
        }
        return new long[] {count, 1, 1};
    }

    private static void assertRefused(Path folder, ModelConfig model, String name, Consumer<TensorFile> change) {
        Path file = folder.resolve(WEIGHTS);
        TensorFile original = TensorFile.read(file);
        TensorFile changed = TensorFile.read(file);
        change.accept(changed);
        changed.write(file);
        InvalidAdapterException refused =
                catchThrowableOfType(InvalidAdapterException.class, () -> AdapterReader.read(folder, model));
        assertThat(refused).as("refusal of %s for %s", folder, name).isNotNull();
        assertThat(refused.getMessage()).contains(WEIGHTS, name);
        original.write(file);
    }

    private static ModelConfig config(String family) {
        try (FixtureModel fixture = FixtureModel.load(family)) {
            return fixture.model().config();
        }
    }
}
