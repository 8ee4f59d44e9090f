package io.tidemark.stream.settings;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import io.smallrye.config.WithParentName;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.PositiveOrZero;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * All settings of a serving process. A value that is missing or out of range (see {@link SettingsCheck} for what the
 * annotations can't say) stops the start, and the error names the property. Each can be given as an environment variable: {@code tidemark.engine.slots} is
 * {@code TIDEMARK_ENGINE_SLOTS}. {@code docs/configuration.md} lists them.
 */
@ConfigMapping(prefix = "tidemark")
public interface TidemarkSettings {

    /** What this process does. */
    @WithDefault("worker")
    Role role();

    /** Names this process in results and transactions; by default host name, process id and random letters. */
    Optional<String> workerId();

    Model model();

    /** Adapter id to its PEFT folder. */
    Map<String, Path> adapters();

    /** More adapters, each {@code ID=FOLDER}; for ids that an environment variable's name can't spell. */
    Optional<List<String>> adapterList();

    /** A folder whose sub-folders that hold an {@code adapter_config.json} are adapters, named by the folder. */
    Optional<Path> adapterFolder();

    Engine engine();

    Limits limits();

    Worker worker();

    Calibrator calibrator();

    Tables tables();

    Topics topics();

    /** The base model. */
    interface Model {

        /** The Hugging Face folder. */
        Path dir();

        /** The name that requests and boundary records use for it; by default the folder's name. */
        Optional<String> name();
    }

    /** How much the engine may do at once. */
    interface Engine {

        /** {@code cpu}, {@code cuda:N} or {@code auto}. */
        @WithDefault("cpu")
        @Pattern(regexp = "cpu|auto|cuda:[0-9]+", message = "must be cpu, cuda:N or auto")
        String device();

        /** Threads for one operation; 0 takes one per core. */
        @WithDefault("0")
        @PositiveOrZero
        int threads();

        /** What the linear modules compute in: by default {@code fp32} on a CPU and {@code bf16} on a GPU. */
        Optional<@Pattern(regexp = "fp32|bf16|int8", message = "must be fp32, bf16 or int8") String> computeType();

        /** A row's logits don't depend on what runs beside it; with int8 only. */
        @WithDefault("false")
        boolean deterministic();

        /** Rows that run together. */
        @WithDefault("8")
        @Min(1)
        @Max(1024)
        int slots();

        /** Requests that may wait for a slot; beyond it the consumer is paused. */
        @WithDefault("16")
        @PositiveOrZero
        int queue();

        /** Memory for keys and values of all running rows, such as {@code 512M}; by default what the device has room for. */
        Optional<MemorySize> kvBytes();

        /** How much of {@code kv-bytes} kept prefixes of prompts may take while no row needs it; 0 keeps none. */
        @WithDefault("128M")
        MemorySize prefixCache();

        /** Memory for adapters; those asked for longest ago make room for others. */
        @WithDefault("1G")
        MemorySize adapterBytes();

        /** Prompt tokens of joining rows that one step takes at most, so that running rows don't wait long. */
        @WithDefault("256")
        @Min(1)
        int prefillTokensPerStep();
    }

    /** What a request may ask for. */
    interface Limits {

        /** A request record above this is refused unparsed; at most 4 MiB, as much as the topic takes. */
        @WithDefault("1M")
        MemorySize requestBytes();
    }

    /** The role that answers requests. */
    interface Worker {

        /** The consumer group that shares the requests. */
        @WithDefault("tidemark-workers")
        @NotBlank
        String group();

        /** After SIGTERM: how long running requests may take to finish before they are handed back. */
        @WithDefault("20S")
        Duration shutdownGrace();
    }

    /** The role that moves boundaries. */
    interface Calibrator {

        /** The consumer group that shares the validation batches. */
        @WithDefault("tidemark-calibrators")
        @NotBlank
        String group();

        /** {@code balanced}, {@code quality}, {@code latency}, {@code tolerance} or {@code tolerance:NATS}. */
        @WithDefault("balanced")
        @Pattern(regexp = "balanced|quality|latency|tolerance(:([0-9]{1,9}[.]?[0-9]{0,9}|[.][0-9]{1,9}))?",
                message = "must be balanced, quality, latency, tolerance or tolerance:NATS")
        String objective();

        /** For {@code tolerance} without a number: nats per token that may be lost against full LoRA. */
        @WithDefault("0.05")
        @PositiveOrZero
        double tolerance();

        /** Examples an adapter needs before its boundary may move. */
        @WithDefault("8")
        @Min(2)
        int minSamples();

        /** Tokens that one slice of the sweep takes at most. */
        @WithDefault("1024")
        @Min(1)
        int tokensPerSlice();
    }

    /** The compacted topics that are read to their end before readiness. */
    interface Tables {

        /** How long the first reading may take before the start is given up. */
        @WithDefault("60S")
        Duration loadTimeout();
    }

    /** Names, partitions and copies of the topics that are created when missing. */
    interface Topics {

        /** Put before each name, so that several deployments can share a cluster. */
        Optional<String> prefix();

        /** Partitions of requests, events, results and their dead letters. */
        @WithDefault("4")
        @Min(1)
        int partitions();

        /** Partitions of validation batches and their dead letters. */
        @WithDefault("1")
        @Min(1)
        int calibrationPartitions();

        /** Copies of each partition; -1 takes the broker's default. */
        @WithDefault("-1")
        short replicationFactor();

        @WithParentName
        Names names();
    }

    /** The topics' names, without the prefix. */
    interface Names {

        @WithDefault("generation-requests")
        @NotBlank
        String generationRequests();

        @WithDefault("generation-events")
        @NotBlank
        String generationEvents();

        @WithDefault("generation-results")
        @NotBlank
        String generationResults();

        @WithDefault("generation-cancellations")
        @NotBlank
        String generationCancellations();

        @WithDefault("generation-dead-letters")
        @NotBlank
        String generationDeadLetters();

        @WithDefault("validation-batches")
        @NotBlank
        String validationBatches();

        @WithDefault("validation-dead-letters")
        @NotBlank
        String validationDeadLetters();

        @WithDefault("adapter-boundaries")
        @NotBlank
        String adapterBoundaries();

        @WithDefault("calibration-state")
        @NotBlank
        String calibrationState();

        @WithDefault("adapters")
        @NotBlank
        String adapters();
    }
}
