package io.tidemark.cli.boundaries;

import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.BoundaryRecord;
import io.tidemark.cli.BrokerAddress;
import io.tidemark.client.BoundaryTopic;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tidemark boundaries set ADAPTER LAYERS}: a record by hand is pinned, so no calibrator moves it. */
@Command(
        name = "set",
        description =
                "Pins an adapter's boundary. It holds for any loaded version with enough layers, until it is unset.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  tidemark boundaries set restaurants 12 --reason 'complaints about long answers'"})
final class BoundariesSetCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private BrokerAddress broker;

    @Parameters(index = "0", paramLabel = "ADAPTER", description = "The adapter's id.")
    private String adapter;

    @Parameters(
            index = "1",
            paramLabel = "LAYERS",
            description = "How many of the lowest layers use the adapter; 0 is the base model.")
    private int layers;

    @Option(
            names = "--reason",
            paramLabel = "TEXT",
            defaultValue = "set by hand",
            description = "Why, for those who read the record later.")
    private String reason;

    @Override
    public Integer call() {
        if (layers < 0 || adapter.isBlank()) {
            throw new ParameterException(spec.commandLine(), "ADAPTER must not be blank, and LAYERS must be 0 or more");
        }
        BoundaryTopic topic = broker.boundaries();
        topic.put(BoundaryRecord.setByHand(
                adapter, new Boundary(layers), reason, Instant.now().truncatedTo(ChronoUnit.SECONDS)));
        BoundaryListing.print(topic.read(), false, spec.commandLine().getOut());
        return 0;
    }
}
