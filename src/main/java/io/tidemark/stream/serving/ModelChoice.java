package io.tidemark.stream.serving;

import io.tidemark.model.Kernels;
import io.tidemark.stream.settings.TidemarkSettings.EngineSettings;
import io.tidemark.stream.settings.TidemarkSettings.ModelSettings;
import io.tidemark.torch.Processors;
import io.tidemark.torch.TorchOptions;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The settings that determine which base model is loaded, and how.
 *
 * @param name        name of the base model in requests and boundary records
 * @param computeType as in the settings; if absent, the device determines it
 * @param kernels     what computes the layers and the head
 */
record ModelChoice(
        Path folder,
        String name,
        TorchOptions torch,
        Optional<String> computeType,
        boolean deterministic,
        Kernels kernels) {

    static ModelChoice of(ModelSettings model, EngineSettings engine) {
        Path folder = model.dir();
        int processors = engine.processors() > 0 ? engine.processors() : Processors.available();
        return new ModelChoice(
                folder,
                model.name()
                        .orElseGet(() -> folder.toAbsolutePath()
                                .normalize()
                                .getFileName()
                                .toString()),
                new TorchOptions(engine.device(), processors),
                engine.computeType(),
                engine.deterministic(),
                Kernels.of(engine.kernels()));
    }
}
