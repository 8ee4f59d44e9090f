package io.tidemark.stream.settings;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.DecimalMin;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.PositiveOrZero;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * All settings of a serving process, with their defaults. Quarkus checks the annotations and {@link SettingsValidator}
 * checks the other rules; an invalid value stops the start with an error that names the property. Each setting is also
 * an environment variable: {@code tidemark.engine.max-num-seqs} is {@code TIDEMARK_ENGINE_MAX_NUM_SEQS}. A test
 * compares names and defaults with {@code docs/configuration.md}.
 */
@ConfigMapping(prefix = "tidemark")
public interface TidemarkSettings {

    /** The services that the process runs. */
    @WithDefault("worker")
    Role role();

    /** Name of the process in results and transactional ids. Absent: host name, process id and random characters. */
    Optional<String> workerId();

    ModelSettings model();

    /** PEFT folders by adapter id. */
    Map<String, Path> adapters();

    /** More adapters, each {@code ID=FOLDER}, for ids that the name of an environment variable can't contain. */
    Optional<List<String>> adapterList();

    /**
     * A folder of PEFT folders. A sub-folder with an {@code adapter_config.json} is an adapter with the folder's name.
     */
    Optional<Path> adapterFolder();

    SourceSettings sources();

    EngineSettings engine();

    LimitSettings limits();

    TenantSettings tenants();

    WorkerSettings worker();

    ReplySettings replies();

    CalibratorSettings calibrator();

    TableSettings tables();

    TopicSettings topics();

    /** The services of a process. {@link #ALL} loads the weights once for both services. */
    enum Role {
        WORKER,
        CALIBRATOR,
        ALL;

        public boolean generates() {
            return this != CALIBRATOR;
        }

        public boolean calibrates() {
            return this != WORKER;
        }
    }

    /** {@code tidemark.model.*}: the base model. */
    interface ModelSettings {

        /** The Hugging Face folder of the base model. */
        Path dir();

        /** Name of the base model in requests and boundary records. Absent: the name of the folder. */
        Optional<String> name();
    }

    /** {@code tidemark.sources.*}: the places from which adapters are downloaded or read, and the cache folder. */
    interface SourceSettings {

        /** When the files of an adapter are fetched: when its record arrives, or with the first request for it. */
        @WithDefault("arrival")
        Fetch fetch();

        /** Whether the files of an adapter are fetched before its first request. */
        enum Fetch {
            ARRIVAL,
            REQUEST
        }

        /** Prefixes of the URIs that may be downloaded, such as {@code s3://bucket/team}, by whole segments. */
        Optional<List<String>> allowed();

        /** The folder below which {@code file:} sources are. Absent: there are none. */
        Optional<Path> fileRoot();

        /** The folder of downloaded adapters, which processes may share. Absent: in that for temporary files. */
        Optional<Path> cacheDir();

        /** Size of the cache folder. The least recently used adapters are evicted. */
        @WithDefault("10G")
        MemorySize cacheBytes();

        /** Maximum size of an adapter. */
        @WithDefault("2G")
        MemorySize adapterBytes();

        /** Time limit of a download, its repetitions included. */
        @WithDefault("10M")
        Duration downloadTime();

        /** Maximum number of adapters that are downloaded at a time from one bucket, owner or registry. */
        @WithDefault("4")
        int downloads();

        S3Settings s3();

        HubSettings hub();

        RegistrySettings registry();
    }

    /** {@code tidemark.sources.s3.*}: the object store of {@code s3:} sources. The AWS SDK finds the credentials. */
    interface S3Settings {

        /** The address of the store. Absent: that of the region in AWS. */
        Optional<URI> endpoint();

        /** The region. Absent: the one that the AWS SDK finds, or {@code us-east-1} with an endpoint. */
        Optional<String> region();

        /** Whether the bucket is in the path of an address instead of in its host, as many stores need it. */
        @WithDefault("false")
        boolean pathStyle();
    }

    /** {@code tidemark.sources.hub.*}: the hub of {@code hf:} sources. */
    interface HubSettings {

        /** The address of the hub. */
        @WithDefault("https://huggingface.co")
        URI endpoint();

        /** The token for the hub. It goes to the endpoint only. */
        Optional<String> token();

        /** Hosts to which the hub may redirect, with their sub-domains. */
        @WithDefault("huggingface.co,hf.co")
        List<String> redirectHosts();
    }

    /** {@code tidemark.sources.registry.*}: the registries of {@code oci:} sources. */
    interface RegistrySettings {

        /** The user, if a single registry is allowed. Absent: anonymous. */
        Optional<String> user();

        /** The password of the user. */
        Optional<String> password();

        /** Registries, with their ports, that are reached without TLS. */
        Optional<List<String>> plainHttp();
    }

    /** {@code tidemark.engine.*}: device, parallelism and memory of the generation engine. */
    interface EngineSettings {

        /** {@code cpu}, {@code cuda:N} or {@code auto}. */
        @WithDefault("cpu")
        @Pattern(regexp = "cpu|auto|cuda:[0-9]+", message = "must be cpu, cuda:N or auto")
        String device();

        /** Processors that the engine uses. 0: the processors available to the process. */
        @WithDefault("0")
        @PositiveOrZero
        int processors();

        /**
         * Compute type of the linear modules. {@code auto}: {@code bf16} on a GPU, {@code int8} on an x86-64 processor,
         * otherwise {@code fp32}.
         */
        @WithDefault("auto")
        @Pattern(regexp = "auto|fp32|bf16|int8", message = "must be auto, fp32, bf16 or int8")
        String computeType();

        /**
         * What computes the layers and the head. {@code auto}: the fastest kernels of the processor with compute type
         * {@code int8}, otherwise {@code torch}. Kernels for one instruction set need {@code int8} and a processor that
         * has it.
         */
        @WithDefault("auto")
        @Pattern(
                regexp = "auto|torch|amx|vnni-bf16|vnni|avx2|cuda-graphs",
                message = "must be auto, torch, amx, vnni-bf16, vnni, avx2 or cuda-graphs")
        String kernels();

        /** Logits of a sequence do not depend on the rest of the batch. Requires compute type {@code int8}. */
        @WithDefault("false")
        boolean deterministic();

        /** Maximum number of running sequences. 0: depends on processors and {@link #kvBytes}. */
        @WithDefault("0")
        @PositiveOrZero
        @Max(1024)
        int maxNumSeqs();

        /** Maximum number of requests that wait in the engine. Beyond it no further request starts. */
        @WithDefault("16")
        @PositiveOrZero
        int maxQueuedRequests();

        /** Memory of the KV cache. Absent: 512M on a CPU, a share of the free memory on a GPU. */
        Optional<MemorySize> kvBytes();

        /** Part of {@link #kvBytes} that cached prompt prefixes may use while no sequence needs it. 0: no caching. */
        @WithDefault("128M")
        MemorySize prefixCache();

        /** Memory of loaded adapters. The least recently used adapters are evicted. */
        @WithDefault("1G")
        MemorySize adapterBytes();

        /**
         * Time after which an adapter is not loaded: its requests get an error, and the load of another adapter takes
         * its place.
         */
        @WithDefault("2M")
        Duration adapterLoadLimit();

        /** Maximum number of prompt tokens per step. */
        @WithDefault("256")
        @Min(1)
        int prefillTokensPerStep();

        /**
         * Time after which a step hangs, and the process ends. Absent: 2 minutes and half a second for each token that
         * a step may have.
         */
        Optional<Duration> stepLimit();
    }

    /** {@code tidemark.limits.*}: limits of request records. */
    interface LimitSettings {

        /** Maximum size of a request record, at most 4M. Larger records are rejected without parsing. */
        @WithDefault("1M")
        MemorySize requestBytes();

        /**
         * Time that the admission of a request may take. Beyond it, its chat template is interrupted, and the process
         * ends 10 s later if the tokenizer does not return.
         */
        @WithDefault("30S")
        Duration admissionTime();

        /** Maximum size in UTF-8 of the schema, the expression, the texts or the grammar of an answer's format. */
        @WithDefault("64K")
        MemorySize formatBytes();

        /** Time to compile a format. It is counted in steps of the compiler, so that each machine accepts the same. */
        @WithDefault("0.1S")
        Duration formatCompileTime();

        /** Time to compute what a sequence with a format may generate in one step, counted in the same way. */
        @WithDefault("0.01S")
        Duration formatMaskTime();

        /** Time for all sequences with a format in one step. Sequences beyond it wait for a later step. */
        @WithDefault("0.02S")
        Duration formatStepTime();

        /** Native memory of one grammar, to which a format is compiled, with the states of its sequences. */
        @WithDefault("64M")
        MemorySize formatGrammarBytes();

        /**
         * Native memory of all grammars, in use or kept for later requests, with the states of their sequences.
         * The least recently used that are not in use are freed.
         */
        @WithDefault("256M")
        MemorySize formatCacheBytes();

        /** What happens to requests with fields that Tidemark does not have. */
        @WithDefault("ignore")
        UnknownFields unknownFields();

        /** Whether unknown fields of a request are named in its result, or the request is refused. */
        enum UnknownFields {
            IGNORE,
            REFUSE
        }

        /**
         * Whether errors for unknown adapters name similar ids, which may be those of another tenant. Absent: if there
         * is only one tenant.
         */
        Optional<Boolean> suggestAdapters();
    }

    /**
     * {@code tidemark.tenants.*}: what the senders on one request topic, or with one name within a topic, may use. A
     * limit is {@code NUMBER} for all tenants, {@code TENANT=NUMBER} for one, or both, separated by commas.
     */
    interface TenantSettings {

        /** Header of a request that names a tenant within a divided topic. A header is a claim of the sender. */
        @WithDefault("tidemark-tenant")
        @NotBlank
        String header();

        /**
         * Topics whose requests are divided by the header, each {@code TOPIC=NAME*WEIGHT|NAME}. Requests with another
         * name or without the header are one more tenant, with the name of the topic and weight 1.
         */
        Optional<List<String>> divided();

        /**
         * Maximum number of tokens of the started requests of a tenant in this worker, 1 or more. A request counts with
         * its prompt and {@code n * max_tokens}. A tenant without started requests may always start one.
         */
        Optional<List<String>> maxOpenTokens();

        /** Maximum of {@code n}, 1 or more. */
        Optional<List<String>> maxChoices();

        /** Maximum of {@code max_tokens}, 1 or more. */
        Optional<List<String>> maxTokens();

        /** Maximum of {@code logprobs}, 0 or more; -1 refuses requests with log-probabilities. */
        Optional<List<String>> maxLogprobs();

        /** Minimum of {@code priority}, 0 or less. */
        Optional<List<String>> minPriority();

        /** Maximum of {@code priority}, 0 or more. */
        Optional<List<String>> maxPriority();

        /**
         * What the adapters and aliases begin with that a tenant may use: {@code PREFIX|PREFIX} for all tenants, or
         * {@code TENANT=PREFIX|PREFIX} for one. Absent: each.
         */
        Optional<List<String>> adapters();
    }

    /** {@code tidemark.worker.*}: the service that answers requests. */
    interface WorkerSettings {

        /** Consumer group of the workers. */
        @WithDefault("tidemark-workers")
        @NotBlank
        String group();

        /**
         * Time that running requests have to finish when their partition goes to another worker. A request that needs
         * longer is abandoned at once, and the other worker answers it. At most 4 minutes.
         */
        @WithDefault("10S")
        Duration revokeGrace();

        /** Time that open requests have to finish after SIGTERM. Other workers answer the rest. */
        @WithDefault("20S")
        Duration shutdownGrace();

        /** Share of requests that come from the lower request topics while a higher one has records. 0: none. */
        @WithDefault("0.1")
        @DecimalMin("0")
        @DecimalMax("0.5")
        double lowPriorityShare();
    }

    /** {@code tidemark.replies.*}: the topics and headers of results that clients choose. */
    interface ReplySettings {

        /** Full names of existing topics that a request may name for its result, besides the results topic. */
        Optional<List<String>> topics();

        /** More headers of a request that are copied to its events and its result. */
        Optional<List<String>> headers();
    }

    /** {@code tidemark.calibrator.*}: the service that decides boundaries from validation batches. */
    interface CalibratorSettings {

        /** Consumer group of the calibrators. */
        @WithDefault("tidemark-calibrators")
        @NotBlank
        String group();

        /** {@code balanced}, {@code quality}, {@code latency}, {@code tolerance} or {@code tolerance:NATS}. */
        @WithDefault("balanced")
        @Pattern(
                regexp = "balanced|quality|latency|tolerance(:([0-9]{1,9}[.]?[0-9]{0,9}|[.][0-9]{1,9}))?",
                message = "must be balanced, quality, latency, tolerance or tolerance:NATS")
        String objective();

        /** The permitted loss against full LoRA in nats per token, for objective {@code tolerance} without a number. */
        @WithDefault("0.05")
        @PositiveOrZero
        double tolerance();

        /** The probability with which a boundary that is worse than {@code -margin} is ever chosen, per version. */
        @WithDefault("0.05")
        double alpha();

        /** The accepted loss in nats per gold token. An objective {@code tolerance} replaces it. */
        @WithDefault("0.02")
        double margin();

        /** Largest loss of an example that counts, in nats per gold token. */
        @WithDefault("1")
        double lossCap();

        /** Largest gain of an example that counts, in nats per gold token. */
        @WithDefault("0.5")
        double gainCap();

        /** Minimum number of examples of an epoch before the boundary of an adapter moves. */
        @WithDefault("32")
        int minSamples();

        /** Minimum number of batches of an epoch before the boundary of an adapter moves. */
        @WithDefault("4")
        int minBatches();

        /** A larger batch is decided in parts of this many examples. */
        @WithDefault("64")
        int batchExamples();

        /** Examples from a move to a false alarm, on average at least. */
        @WithDefault("10000")
        double falseAlarmExamples();

        /** An epoch ends at this many examples. */
        @WithDefault("2000")
        int epochExamples();

        /**
         * The boundaries that are scored: a number of evenly spaced ones, or a list separated by commas. Absent: all up
         * to 16 layers, 16 above.
         */
        Optional<String> candidates();

        /** How many of the best candidates are scored after {@code min-samples} examples, or {@code all}. */
        @WithDefault("3")
        String keptCandidates();

        /** {@code publish}, or {@code shadow} to decide and record without publishing boundaries. */
        @WithDefault("publish")
        Mode mode();

        /** Whether a calibrator publishes the boundaries on which it decides. */
        enum Mode {
            PUBLISH,
            SHADOW
        }

        /** A decision that changes nothing is recorded at most once in this time for each adapter; 0 records all. */
        @WithDefault("1M")
        Duration decisionInterval();

        /** Maximum number of tokens in one slice of a sweep. */
        @WithDefault("1024")
        @Min(1)
        int tokensPerSlice();

        /** Maximum number of examples in a validation batch. A larger batch becomes a dead letter. */
        @WithDefault("1000")
        @Min(1)
        int maxExamples();
    }

    /** {@code tidemark.tables.*}: topics that are read to their end at the start and followed. */
    interface TableSettings {

        /** Maximum time to read each of these topics at the start. */
        @WithDefault("60S")
        Duration loadTimeout();

        /** Time for which records of a followed topic may be missing before readiness reports it, 1 s or more. */
        @WithDefault("30S")
        Duration maxStaleness();
    }

    /** {@code tidemark.topics.*}: names of the topics, and the layout of topics that Tidemark creates. */
    interface TopicSettings {

        /** {@code max.message.bytes} of the topics of requests, validation batches, dead letters and states: 4 MiB. */
        int MAX_RECORD_BYTES = 4 * 1024 * 1024;

        /** Prefix of every topic name, for several deployments on one cluster. */
        Optional<String> prefix();

        /** Whether a process creates the topics of its role that do not exist. */
        @WithDefault("true")
        boolean create();

        /** Partitions of the request topics, and of the topics of events, results and dead letters. */
        @WithDefault("4")
        @Min(1)
        int partitions();

        /** Partitions of the topics of validation batches and their dead letters. */
        @WithDefault("1")
        @Min(1)
        int calibrationPartitions();

        /** Replicas of each partition. -1: the default of the broker. */
        @WithDefault("-1")
        short replicationFactor();

        /**
         * The request topics, in order of priority; the first is the one that clients use by default. While a topic
         * has records, those behind it get {@link WorkerSettings#lowPriorityShare}. Topics of equal rank are separated
         * by {@code |} and share by weight: {@code urgent, team-a*3|team-b, bulk}.
         */
        @WithDefault("generation-requests")
        List<@NotBlank String> generationRequests();

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

        /**
         * The topics of validation batches, as {@code TOPIC} or {@code TOPIC=PREFIX}, see {@link ValidationTopics}. The
         * first is the one that clients use.
         */
        @WithDefault("validation-batches")
        List<@NotBlank String> validationBatches();

        @WithDefault("validation-dead-letters")
        @NotBlank
        String validationDeadLetters();

        @WithDefault("adapters")
        @NotBlank
        String adapters();

        @WithDefault("worker-state")
        @NotBlank
        String workerState();

        @WithDefault("adapter-boundaries")
        @NotBlank
        String adapterBoundaries();

        @WithDefault("calibration-state")
        @NotBlank
        String calibrationState();

        /** The decisions of calibrators with their evidence, retained for 30 days. */
        @WithDefault("boundary-decisions")
        @NotBlank
        String boundaryDecisions();
    }
}
