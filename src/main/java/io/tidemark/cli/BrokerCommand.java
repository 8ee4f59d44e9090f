package io.tidemark.cli;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.client.Cluster;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tidemark broker}: the embedded broker in a process of its own. */
@Command(
        name = "broker",
        description = "Runs a Kafka broker with Tidemark's topics until Ctrl-C, for several workers on one machine.",
        footer = {
            "",
            "Example: a broker whose topics survive a restart",
            "  tidemark broker --port 9092 --dir /tmp/tidemark-broker"
        })
final class BrokerCommand extends ConsoleCommand {

    @Option(
            names = "--port",
            paramLabel = "PORT",
            description = "Port on the loopback address; 0: a free port. Default: ${DEFAULT-VALUE}.")
    private int port = 9092;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description = "Folder for topics and offsets. Default: a temporary folder that is deleted at the end.")
    private Optional<Path> folder = Optional.empty();

    @Override
    public Integer call() throws InterruptedException {
        if (port < 0 || port > 65_535) {
            throw wrongUse("--port must be 0 to 65535, not " + port);
        }
        if (folder.filter(dir -> Files.exists(dir) && !Files.isDirectory(dir)).isPresent()) {
            throw wrongUse("--dir must be a folder, and " + folder.get() + " is a file");
        }
        EmbeddedBroker broker = EmbeddedBroker.start(new BrokerOptions(port, folder));
        Runtime.getRuntime().addShutdownHook(new Thread(broker::close, "tidemark-broker-stop"));
        CommandSettings.createTopics(new Cluster(broker.bootstrapServers()));
        out().println(broker.bootstrapServers());
        out().flush();
        new CountDownLatch(1).await(); // until a signal ends the process; the hook stops the broker
        return 0;
    }
}
