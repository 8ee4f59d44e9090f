package io.tidemark.stream.serving;

import io.tidemark.model.ComputeTypeChoice;
import io.tidemark.model.Kernels;
import io.tidemark.stream.settings.TidemarkSettings.EngineSettings;
import io.tidemark.stream.settings.TidemarkSettings.ModelSettings;
import io.tidemark.torch.Processors;
import io.tidemark.torch.TorchOptions;
import java.nio.file.Path;

/**
 * The settings that determine which base model is loaded, and how.
 *
 * @param name        name of the base model in requests and boundary records
 * @param computeType resolved when the device is known
 * @param kernels     what computes the layers and the head
 */
record ModelChoice(
        Path folder,
        String name,
        TorchOptions torch,
        ComputeTypeChoice computeType,
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
                ComputeTypeChoice.of(engine.computeType()),
                engine.deterministic(),
                Kernels.of(engine.kernels()));
    }
}
