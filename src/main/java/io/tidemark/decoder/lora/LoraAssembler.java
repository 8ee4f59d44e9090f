package io.tidemark.decoder.lora;

import io.tidemark.decoder.weights.TensorLoader;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModuleNames;
import io.tidemark.model.Projection;
import io.tidemark.model.StoredTensor;
import io.tidemark.model.WeightFiles;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Lays an adapter's modules out as the decoder takes them: modules that share an input become one A and one B. */
final class LoraAssembler {

    private final Path modelFolder;
    private final ModelConfig config;
    private final TensorLoader loader;

    LoraAssembler(Path modelFolder, ModelConfig config, TensorLoader loader) {
        this.modelFolder = modelFolder;
        this.config = config;
        this.loader = loader;
    }

    /** Eight tensors a layer, then, where {@link #isPlain} is false, eight more a layer. */
    Value assemble(Path source, List<Map<Projection, LoraModule>> layers) {
        try (ValueScope open = new ValueScope()) {
            List<Value> list = new ArrayList<>();
            List<Value> more = new ArrayList<>();
            for (int layer = 0; layer < layers.size(); layer++) {
                for (int module = 0; module < Projection.sharingInput().size(); module++) {
                    List<LoraTensors> linears = linears(
                            source,
                            layer,
                            layers.get(layer),
                            Projection.sharingInput().get(module));
                    add(open, list, more, linears, layer, module);
                }
            }
            if (!isPlain(layers)) {
                list.addAll(more);
            }
            return loader.torch().list(list);
        }
    }

    /** Whether no module has a magnitude or a bias. */
    static boolean isPlain(List<Map<Projection, LoraModule>> layers) {
        return layers.stream()
                .flatMap(layer -> layer.values().stream())
                .allMatch(
                        module -> module.magnitude().isEmpty() && module.bias().isEmpty());
    }

    private List<LoraTensors> linears(
            Path source, int layer, Map<Projection, LoraModule> modules, List<Projection> sharing) {
        Map<String, StoredTensor> base = isPlain(List.of(modules)) ? Map.of() : WeightFiles.read(modelFolder);
        LoraTensors.Loader tensors = new LoraTensors.Loader(loader, source, modelFolder);
        return sharing.stream()
                .map(module -> tensors.load(
                        Optional.ofNullable(modules.get(module)),
                        module.inputWidth(config),
                        module.outputWidth(config),
                        Optional.ofNullable(base.get(ModuleNames.linear(layer, module) + ".weight"))))
                .toList();
    }

    private void add(
            ValueScope open, List<Value> list, List<Value> more, List<LoraTensors> linears, int layer, int module) {
        try (ValueScope parts = new ValueScope()) {
            linears.forEach(linear -> linear.values().forEach(parts::add));
            list.add(open.add(loader.script()
                    .call(
                            "stack_a",
                            parts.add(loader.torch()
                                    .list(linears.stream().map(LoraTensors::a).toList())),
                            parts.add(loader.torch().number(layer)),
                            parts.add(loader.torch().number(module)))));
            list.add(open.add(loader.script()
                    .call(
                            "stack_b",
                            parts.add(loader.torch()
                                    .list(linears.stream().map(LoraTensors::b).toList())))));
            more.add(open.add(
                    loader.stack(linears.stream().map(LoraTensors::factor).toList())));
            more.add(open.add(
                    loader.stack(linears.stream().map(LoraTensors::shift).toList())));
        }
    }
}
