package io.tidemark.decoder.lora;

import io.tidemark.decoder.weights.TensorLoader;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelRefused;
import io.tidemark.model.ModuleNames;
import io.tidemark.model.StoredTensor;
import io.tidemark.model.WeightFiles;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Lays out what an adapter changes beside the layers' linear modules, as {@code outer.torchscript} takes it. */
final class OuterAssembler {

    private final Path modelFolder;
    private final ModelConfig config;
    private final TensorLoader loader;
    private final CopyCheck copies;

    OuterAssembler(Path modelFolder, ModelConfig config, TensorLoader loader) {
        this.modelFolder = modelFolder;
        this.config = config;
        this.loader = loader;
        this.copies = new CopyCheck(modelFolder, config, loader);
    }

    /**
     * Empty where the base's own weights hold everywhere.
     *
     * @throws ModelRefused when a tensor is not finite, differs from the one it is a copy of, or says that the base is
     *         another than it is where the adapter cannot put it in the base's place
     */
    Optional<Value> assemble(Path source, AdapterParts parts) {
        copies.refuseUnequal(source, parts.ownCopies());
        Map<String, StoredTensor> replaced = new HashMap<>(parts.replaced());
        parts.baseCopies().forEach((name, copy) -> {
            if (!copies.isTheBases(source, name, copy)) {
                if (parts.replaced().containsKey(name)) {
                    throw ModelRefused.unsupported(
                            source,
                            "tensor",
                            copy.name() + ", which is not the base's: use the base that the "
                                    + "adapter was trained on, or save it anew with save_embedding_layers=False");
                }
                if (config.tiedEmbeddings()) {
                    throw ModelRefused.unsupported(
                            source,
                            "tensor",
                            copy.name() + ", which is not the base's: the base's embedding "
                                    + "and head are one tensor, and it is not said which of them this one stands for");
                }
                replaced.put(name, copy);
            }
        });
        if (replaced.isEmpty() && parts.outer().isEmpty()) {
            return Optional.empty();
        }
        try (ValueScope open = new ValueScope()) {
            List<Value> list = new ArrayList<>();
            OuterLora lora = new OuterLora(loader, open, source, name -> inUse(source, replaced, name));
            list.add(open.add(weight(source, replaced, ModuleNames.EMBEDDING)));
            list.addAll(lora.embedding(Optional.ofNullable(parts.outer().get(ModuleNames.EMBEDDING))));
            list.add(open.add(weight(source, replaced, ModuleNames.HEAD)));
            list.addAll(lora.head(Optional.ofNullable(parts.outer().get(ModuleNames.HEAD))));
            list.add(open.add(weight(source, replaced, ModuleNames.FINAL_NORM)));
            for (int layer = 0; layer < config.numLayers(); layer++) {
                list.add(open.add(weight(source, replaced, ModuleNames.attentionNorm(layer))));
                list.add(open.add(weight(source, replaced, ModuleNames.mlpNorm(layer))));
                list.add(open.add(headNorms(source, replaced, layer)));
            }
            return Optional.of(loader.torch().list(list));
        }
    }

    private Value weight(Path source, Map<String, StoredTensor> replaced, String module) {
        StoredTensor own = replaced.get(module + ".weight");
        return own == null ? loader.zeros(0) : loader.load(source, own);
    }

    /** The embedding or the head that LoRA is added to: what the adapter says it is, else the base's, which may be one for both. */
    private Value inUse(Path source, Map<String, StoredTensor> replaced, String module) {
        StoredTensor own = replaced.get(module + ".weight");
        return own == null ? loader.load(modelFolder, copies.base(module + ".weight")) : loader.load(source, own);
    }

    /** Queries' and keys' norms are applied together, so where one is the adapter's the other is read from the base. */
    private Value headNorms(Path source, Map<String, StoredTensor> replaced, int layer) {
        String query = ModuleNames.queryNorm(layer) + ".weight";
        String key = ModuleNames.keyNorm(layer) + ".weight";
        if (!replaced.containsKey(query) && !replaced.containsKey(key)) {
            return loader.zeros(0);
        }
        try (Value q = ownOrBase(source, replaced, query);
                Value k = ownOrBase(source, replaced, key);
                Value heads = loader.torch().number(config.heads());
                Value kvHeads = loader.torch().number(config.kvHeads())) {
            return loader.script().call("head_norms", q, heads, k, kvHeads);
        }
    }

    private Value ownOrBase(Path source, Map<String, StoredTensor> replaced, String name) {
        return replaced.containsKey(name)
                ? loader.load(source, replaced.get(name))
                : loader.load(modelFolder, WeightFiles.read(modelFolder).get(name));
    }
}
