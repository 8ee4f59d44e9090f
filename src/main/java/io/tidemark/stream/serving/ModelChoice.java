package io.tidemark.stream.serving;

import io.quarkus.runtime.configuration.MemorySize;
import io.tidemark.model.ModelOptions;
import io.tidemark.stream.settings.EngineSettings;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.torch.Processors;
import io.tidemark.torch.TorchOptions;
import java.nio.file.Path;
import java.util.Optional;
import org.eclipse.microprofile.config.Config;

/**
 * The settings that decide which base model is loaded, and how.
 *
 * @param name        what requests and boundary records call it
 * @param computeType as it is spelt in the settings; by default the device decides
 * @param packedLoraBytes as {@link ModelOptions} has it
 */
record ModelChoice(
        Path folder,
        String name,
        TorchOptions torch,
        Optional<String> computeType,
        boolean deterministic,
        long packedLoraBytes) {

    static ModelChoice of(TidemarkSettings settings) {
        EngineSettings engine = settings.engine();
        return of(
                settings.model().dir(),
                settings.model().name(),
                new TorchOptions(engine.device(), processors(engine.processors())),
                engine.computeType(),
                engine.deterministic(),
                engine.packedLoraBytes().asLongValue());
    }

    /**
     * The same choice from settings that nobody has checked yet; empty where they name no model.
     *
     * @throws RuntimeException when a value is not of its type
     */
    static Optional<ModelChoice> in(Config settings) {
        TorchOptions torch = new TorchOptions(
                settings.getOptionalValue("tidemark.engine.device", String.class)
                        .orElse(TorchOptions.CPU.device()),
                processors(settings.getOptionalValue("tidemark.engine.processors", Integer.class)
                        .orElse(0)));
        return settings.getOptionalValue("tidemark.model.dir", Path.class)
                .map(folder -> of(
                        folder,
                        settings.getOptionalValue("tidemark.model.name", String.class),
                        torch,
                        settings.getOptionalValue("tidemark.engine.compute-type", String.class),
                        settings.getOptionalValue("tidemark.engine.deterministic", Boolean.class)
                                .orElse(false),
                        settings.getOptionalValue("tidemark.engine.packed-lora-bytes", MemorySize.class)
                                .map(MemorySize::asLongValue)
                                .orElse(ModelOptions.PACKED_LORA_BYTES)));
    }

    /** 0 asks for those that the process may run on. */
    private static int processors(int wanted) {
        return wanted > 0 ? wanted : Processors.available();
    }

    private static ModelChoice of(
            Path folder,
            Optional<String> name,
            TorchOptions torch,
            Optional<String> computeType,
            boolean deterministic,
            long packedLoraBytes) {
        return new ModelChoice(
                folder,
                name.orElseGet(
                        () -> folder.toAbsolutePath().normalize().getFileName().toString()),
                torch,
                computeType,
                deterministic,
                packedLoraBytes);
    }
}
