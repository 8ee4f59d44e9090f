package io.tidemark.stream.serving;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.stream.settings.AdapterFolders;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.torch.Torch;
import java.nio.file.Path;
import java.util.Map;
import org.jboss.logging.Logger;

/** The base model, loaded once for all roles of the process, and its adapters, which are loaded when they are asked for. */
record LoadedModel(BaseModel base, AdapterStore adapters) implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(LoadedModel.class);

    /** Takes seconds to minutes. What can't be loaded ends it with an exception that names file and reason. */
    static LoadedModel load(TidemarkSettings settings, HeadStart headStart) {
        Map<String, Path> folders = AdapterFolders.of(settings);
        ModelChoice choice = ModelChoice.of(settings);
        if (folders.containsKey(choice.name())) {
            throw new IllegalArgumentException("adapter '" + choice.name() + "' has the base model's name");
        }
        LOG.infof("loading model '%s' from %s", choice.name(), choice.folder());
        BaseModel base = headStart.take(choice);
        LanguageModel model = base.model();
        LOG.infof(
                "loaded model '%s' (%d layers) from %s",
                model.name(), model.config().numLayers(), choice.folder());
        AdapterStore adapters =
                new AdapterStore(model, settings.engine().adapterBytes().asLongValue());
        folders.forEach(adapters::register);
        LOG.infof("registered %d adapters; each is loaded when it is first asked for", folders.size());
        return new LoadedModel(base, adapters);
    }

    Torch torch() {
        return base.torch();
    }

    LanguageModel model() {
        return base.model();
    }

    @Override
    public void close() {
        adapters.close();
        base.close();
    }
}
