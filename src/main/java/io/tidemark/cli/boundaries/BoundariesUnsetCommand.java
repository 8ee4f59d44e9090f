package io.tidemark.cli.boundaries;

import io.tidemark.cli.BrokerAddress;
import io.tidemark.client.BoundaryTopic;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tidemark boundaries unset ADAPTER}: a tombstone. */
@Command(
        name = "unset",
        description = "Removes an adapter's boundary: workers apply all its layers until a calibrator decides again.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  tidemark boundaries unset restaurants"})
final class BoundariesUnsetCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private BrokerAddress broker;

    @Parameters(paramLabel = "ADAPTER", description = "The adapter's id.")
    private String adapter;

    @Override
    public Integer call() {
        BoundaryTopic topic = broker.boundaries();
        topic.remove(adapter);
        BoundaryListing.print(topic.read(), false, spec.commandLine().getOut());
        return 0;
    }
}
