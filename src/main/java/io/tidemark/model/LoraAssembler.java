package io.tidemark.model;

import io.tidemark.torch.Value;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Lays an adapter's modules out as the decoder takes them: modules that share an input become one A and one B. */
final class LoraAssembler {

    private final ModelConfig config;
    private final TensorLoader loader;

    LoraAssembler(ModelConfig config, TensorLoader loader) {
        this.config = config;
        this.loader = loader;
    }

    Value assemble(Path source, List<Map<Projection, LoraModule>> layers) {
        try (OpenValues open = new OpenValues()) {
            List<Value> list = new ArrayList<>();
            for (Map<Projection, LoraModule> layer : layers) {
                for (List<Projection> modules : Projection.sharingInput()) {
                    add(source, open, list, layer, modules);
                }
            }
            return loader.torch().list(list);
        }
    }

    private void add(Path source, OpenValues open, List<Value> list, Map<Projection, LoraModule> layer,
            List<Projection> modules) {
        try (OpenValues parts = new OpenValues()) {
            List<Value> as = new ArrayList<>();
            List<Value> bs = new ArrayList<>();
            double[] scales = new double[modules.size()];
            for (int i = 0; i < scales.length; i++) {
                Projection module = modules.get(i);
                LoraModule lora = layer.get(module);
                // A module without LoRA takes part with rank 0, so that the others keep their columns.
                as.add(parts.add(lora == null ? loader.zeros(0, module.inputWidth(config)) : loader.load(source, lora.a())));
                bs.add(parts.add(lora == null ? loader.zeros(module.outputWidth(config), 0) : loader.load(source, lora.b())));
                scales[i] = lora == null ? 1 : lora.scale();
            }
            Value aList = parts.add(loader.torch().list(as));
            Value bList = parts.add(loader.torch().list(bs));
            list.add(open.add(loader.script().call("stack_a", aList)));
            list.add(open.add(loader.script().call("stack_b", bList, parts.add(loader.torch().reals(scales)))));
        }
    }
}
