package io.tidemark.cli.demo;

import io.tidemark.cli.ShutdownGuard;
import io.tidemark.cli.StartsQuarkus;
import io.tidemark.cli.TidemarkCommand;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code tidemark demo}: the whole of Tidemark on this machine, watched from outside. */
@Command(
        name = "demo",
        description =
                "Starts a broker, a worker and a calibrator and shows them at work, before and after a calibration.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples: watch it once; then keep it running to send requests of your own",
            "  tidemark demo",
            "  tidemark demo --keep --broker-port 9092"
        })
public final class DemoCommand implements Callable<Integer>, StartsQuarkus {

    @Spec
    private CommandSpec spec;

    @ParentCommand
    private TidemarkCommand root;

    @Option(names = "--keep", description = "Stay up at the end, and show how to send a request with any Kafka client.")
    private boolean keep;

    @Option(names = "--json", description = "Print one JSON object with all that happened, and nothing else on stdout.")
    private boolean json;

    @Option(
            names = "--broker-port",
            paramLabel = "PORT",
            defaultValue = "0",
            description = "The broker's port; 0, the default, takes a free one.")
    private int brokerPort;

    @Option(
            names = "--folder",
            paramLabel = "DIR",
            description =
                    "A folder with model/, adapters/NAME/ and data/NAME-{requests,validation}.jsonl. Default: the bundled one.")
    private Optional<Path> folder = Optional.empty();

    @Override
    public Integer call() throws Exception {
        PrintWriter out = spec.commandLine().getOut();
        DemoFolder demo = DemoFolder.at(folder.orElseGet(DemoCommand::bundled));
        DemoView view = json ? new JsonDemoView(out, spec.commandLine().getErr()) : new TerminalDemoView(out);
        Interruption interruption = new Interruption();
        return ShutdownGuard.holding(
                () -> {
                    new DemoRun(demo, view, brokerPort, root.verbose()).run(keep, interruption);
                    return 0;
                },
                interruption::ask);
    }

    private static Path bundled() {
        return Path.of(System.getProperty("io.tidemark.home", ".")).resolve("demo");
    }
}
