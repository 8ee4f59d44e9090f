package io.tidemark.cli.adapters;

import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.serving.ClusterOptions;
import io.tidemark.client.ClientException;
import io.tidemark.client.WorkerStates.Worker;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** A command of {@code tidemark adapters} for one name. */
abstract class AdapterNameCommand extends ConsoleCommand {

    private static final int MAX_NAME_LENGTH = 256;

    @Mixin
    private ClusterOptions cluster;

    @Parameters(index = "0", paramLabel = "NAME", description = "The name that requests use.")
    private String name;

    final ClusterOptions cluster() {
        return cluster;
    }

    final String name() {
        if (name.isBlank() || name.length() > MAX_NAME_LENGTH) {
            throw wrongUse("NAME must have 1 to " + MAX_NAME_LENGTH + " characters and must not be blank");
        }
        return name;
    }

    /** The processes of {@code worker-state}; empty, with a notice, if the topic can't be read. */
    final Optional<List<Worker>> workersIfReadable(String consequence) {
        try {
            return Optional.of(cluster.workerStates().read());
        } catch (ClientException e) {
            err().println(consequence + ": " + e.getMessage());
            err().flush();
            return Optional.empty();
        }
    }
}
