package io.tidemark.cli;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.NamedFolder;
import io.tidemark.cli.console.StartsQuarkus;
import io.tidemark.cli.console.Verbosity;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.cli.serving.ServingProcess;
import io.tidemark.cli.serving.ShutdownGuard;
import io.tidemark.model.ComputeTypeChoice;
import io.tidemark.model.Kernels;
import io.tidemark.stream.serving.ModelPreloader;
import io.tidemark.stream.serving.ServedFolders;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/** {@code tidemark serve}: the command of the containers. Options take precedence over environment variables. */
@Command(
        name = "serve",
        description = "Runs a worker, a calibrator or both until SIGTERM.",
        footer = {
            "",
            "Examples:",
            "  tidemark serve --role worker --broker kafka:9092 --model models/base \\",
            "      --adapter restaurants=adapters/restaurants",
            "  tidemark serve --role all --broker embedded --broker-dir /tmp/tidemark --model models/base \\",
            "      --adapter restaurants=adapters/restaurants",
            "Every setting has an environment variable, such as TIDEMARK_MODEL_DIR and KAFKA_BOOTSTRAP_SERVERS."
        })
final class ServeCommand extends ConsoleCommand implements StartsQuarkus {

    private static final String EMBEDDED = "embedded";
    private static final int DEFAULT_BROKER_PORT = 9092;
    private static final String HTTP_HOST = "quarkus.http.host";
    private static final String LOOPBACK = "127.0.0.1";

    @ParentCommand
    private Verbosity root;

    @Option(
            names = "--role",
            paramLabel = "ROLE",
            description = "worker, calibrator or all. Default: $TIDEMARK_ROLE, otherwise worker.")
    private Optional<Role> role = Optional.empty();

    @Option(
            names = "--broker",
            paramLabel = "HOST:PORT|embedded",
            description = "Kafka's bootstrap servers, or a broker in this process. Default: $KAFKA_BOOTSTRAP_SERVERS.")
    private Optional<String> broker = Optional.empty();

    @Option(
            names = "--broker-port",
            paramLabel = "PORT",
            description = "Port of the embedded broker. Default: " + DEFAULT_BROKER_PORT + ".")
    private Optional<Integer> brokerPort = Optional.empty();

    @Option(
            names = "--broker-dir",
            paramLabel = "DIR",
            description = "Folder of the embedded broker. Default: a temporary folder that is deleted at the end.")
    private Optional<Path> brokerFolder = Optional.empty();

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "Hugging Face folder of the base model. Default: $TIDEMARK_MODEL_DIR.")
    private Optional<Path> model = Optional.empty();

    @Option(
            names = "--model-name",
            paramLabel = "NAME",
            description = "Name of the base model in records. Default: the folder's name.")
    private Optional<String> modelName = Optional.empty();

    @Option(names = "--adapter", paramLabel = "[NAME=]DIR", description = "PEFT folder of an adapter; may be repeated.")
    private List<NamedFolder> adapters = new ArrayList<>();

    @Option(
            names = "--adapters",
            paramLabel = "DIR",
            description = "A folder of PEFT folders, each an adapter under its folder's name.")
    private Optional<Path> adapterFolder = Optional.empty();

    @Option(
            names = "--compute-type",
            paramLabel = "TYPE",
            description = "fp32, bf16, int8, or auto: bf16 on a GPU, int8 on x86-64, otherwise fp32. "
                    + "Default: $TIDEMARK_ENGINE_COMPUTE_TYPE, otherwise auto.")
    private Optional<ComputeTypeChoice> computeType = Optional.empty();

    @Option(
            names = "--kernels",
            paramLabel = "KERNELS",
            description =
                    "auto: the fastest of the processor with int8, otherwise torch; or torch, amx, vnni-bf16, vnni, avx2, cuda-graphs. "
                            + "Default: $TIDEMARK_ENGINE_KERNELS, otherwise auto.")
    private Optional<Kernels> kernels = Optional.empty();

    @Option(names = "--port", paramLabel = "PORT", description = "Port of health checks and metrics. Default: 8080.")
    private Optional<Integer> httpPort = Optional.empty();

    @Override
    public Integer call() throws Exception {
        boolean embedded = broker.filter(EMBEDDED::equals).isPresent();
        if (!embedded && (brokerPort.isPresent() || brokerFolder.isPresent())) {
            throw wrongUse("--broker-port and --broker-dir need --broker embedded");
        }
        if (embedded) {
            EmbeddedBroker.requireServer(); // before the model is loaded
        }
        if (model.isEmpty() && !CommandSettings.isSet("tidemark.model.dir")) {
            throw wrongUse("Missing option '--model=DIR', and TIDEMARK_MODEL_DIR is not set");
        }
        ServingProcess.Options options = new ServingProcess.Options(
                role, model, modelName, adapters, adapterFolder, computeType, kernels, httpPort);
        try {
            ServedFolders.require(options.settings(Optional.empty()));
        } catch (IllegalArgumentException e) {
            throw new CommandException(ServingProcess.START_FAILED + e.getMessage(), e);
        }
        if (root.verbose()) {
            System.setProperty("quarkus.log.category.\"io.tidemark\".level", "DEBUG");
        }
        return ShutdownGuard.run(() -> {
            try (ModelPreloader preloader = ModelPreloader.start(options.settings(Optional.empty()))) {
                return preloader.call(
                        () -> embedded ? serveWithBroker(options) : new ServingProcess(options.settings(broker)).run());
            }
        });
    }

    private int serveWithBroker(ServingProcess.Options options) {
        try (EmbeddedBroker running =
                EmbeddedBroker.start(new BrokerOptions(brokerPort.orElse(DEFAULT_BROKER_PORT), brokerFolder))) {
            err().println("broker at " + running.bootstrapServers());
            Map<String, String> settings = options.settings(Optional.of(running.bootstrapServers()));
            if (!CommandSettings.isSet(HTTP_HOST)) {
                settings.put(HTTP_HOST, LOOPBACK); // as the broker
            }
            return new ServingProcess(settings).run();
        }
    }
}
