package io.tidemark.cli.demo;

import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.StartsQuarkus;
import io.tidemark.cli.console.Verbosity;
import io.tidemark.cli.serving.ShutdownGuard;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/** {@code tidemark demo}: broker, worker, calibrator and a client in one process. */
@Command(
        name = "demo",
        description = "Runs a broker, a worker and a calibrator, and sends requests before and after a calibration.",
        footer = {
            "",
            "Examples: run once; keep running for your own requests",
            "  tidemark demo",
            "  tidemark demo --keep --broker-port 9092"
        })
public final class DemoCommand extends ConsoleCommand implements StartsQuarkus {

    @ParentCommand
    private Verbosity root;

    @Option(
            names = "--keep",
            description = "Keep running at the end, and print how to send a request with any Kafka client.")
    private boolean keep;

    @Option(names = "--json", description = "Print one JSON object with all results, and nothing else.")
    private boolean json;

    @Option(
            names = "--broker-port",
            paramLabel = "PORT",
            description = "Port of the broker; 0: a free port. Default: ${DEFAULT-VALUE}.")
    private int brokerPort;

    @Option(
            names = "--folder",
            paramLabel = "DIR",
            description =
                    "A folder with model/, adapters/NAME/ and data/NAME-{requests,validation}.jsonl. Default: the "
                            + "demo of the release.")
    private Optional<Path> folder = Optional.empty();

    @Override
    public Integer call() throws Exception {
        EmbeddedBroker.requireServer();
        DemoFolder demo = DemoFolder.at(folder.orElseGet(DemoCommand::bundled));
        DemoView view = json ? new DemoView.Json(out(), err()) : new TerminalDemoView(out(), err());
        Interruption interruption = new Interruption();
        return ShutdownGuard.run(
                () -> {
                    new DemoRun(demo, view, brokerPort, root.verbose()).run(keep, interruption);
                    return 0;
                },
                interruption::request);
    }

    private static Path bundled() {
        return Path.of(System.getProperty("io.tidemark.home", ".")).resolve("demo");
    }
}
