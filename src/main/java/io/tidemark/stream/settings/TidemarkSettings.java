package io.tidemark.stream.settings;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * All settings of a serving process. A value that is missing or out of range (see {@link SettingsCheck} for what the
 * annotations can't say) stops the start, and the error names the property. Each can be given as an environment variable:
 * {@code tidemark.engine.max-num-seqs} is {@code TIDEMARK_ENGINE_MAX_NUM_SEQS}. {@code docs/configuration.md} lists them.
 */
@ConfigMapping(prefix = "tidemark")
public interface TidemarkSettings {

    /** What this process does. */
    @WithDefault("worker")
    Role role();

    /** Names this process in results and transactions; by default host name, process id and random letters. */
    Optional<String> workerId();

    ModelSettings model();

    /** Adapter id to its PEFT folder. */
    Map<String, Path> adapters();

    /** More adapters, each {@code ID=FOLDER}; for ids that an environment variable's name can't spell. */
    Optional<List<String>> adapterList();

    /** A folder whose sub-folders that hold an {@code adapter_config.json} are adapters, named by the folder. */
    Optional<Path> adapterFolder();

    EngineSettings engine();

    LimitSettings limits();

    WorkerSettings worker();

    CalibratorSettings calibrator();

    TableSettings tables();

    TopicSettings topics();
}
