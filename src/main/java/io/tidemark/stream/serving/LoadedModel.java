package io.tidemark.stream.serving;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.model.ComputeType;
import io.tidemark.model.LanguageModel;
import io.tidemark.model.ModelOptions;
import io.tidemark.stream.settings.AdapterFolders;
import io.tidemark.stream.settings.EngineSettings;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import java.nio.file.Path;
import java.util.Map;
import org.jboss.logging.Logger;

/** The base model, loaded once for all roles of the process, and its adapters, which are loaded when they are asked for. */
record LoadedModel(Torch torch, LanguageModel model, AdapterStore adapters) implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(LoadedModel.class);

    /** Takes seconds to minutes. What can't be loaded ends it with an exception that names file and reason. */
    static LoadedModel load(TidemarkSettings settings) {
        Map<String, Path> folders = AdapterFolders.of(settings);
        Path folder = settings.model().dir();
        String name = settings.model().name()
                .orElseGet(() -> folder.toAbsolutePath().normalize().getFileName().toString());
        if (folders.containsKey(name)) {
            throw new IllegalArgumentException("adapter '" + name + "' has the base model's name");
        }
        LOG.infof("loading model '%s' from %s", name, folder);
        Torch torch = Torch.open(new TorchOptions(settings.engine().device(), settings.engine().threads()));
        LanguageModel model = LanguageModel.load(folder, name, torch,
                new ModelOptions(computeType(settings.engine(), torch.isOnGpu()), settings.engine().deterministic()));
        torch.giveBackFreedMemory();
        LOG.infof("loaded model '%s' (%d layers) from %s", name, model.config().numLayers(), folder);
        AdapterStore adapters = new AdapterStore(model, settings.engine().adapterBytes().asLongValue());
        folders.forEach(adapters::register);
        LOG.infof("registered %d adapters; each is loaded when it is first asked for", folders.size());
        return new LoadedModel(torch, model, adapters);
    }

    /** A GPU has units for 16 bits; on a CPU exactness comes first, and what is faster depends on the CPU. */
    static ComputeType computeType(EngineSettings engine, boolean onGpu) {
        return engine.computeType().map(ComputeType::of).orElse(onGpu ? ComputeType.BF16 : ComputeType.FP32);
    }

    @Override
    public void close() {
        adapters.close();
        model.close();
        torch.close();
    }
}
