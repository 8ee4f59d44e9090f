package io.tidemark.cli;

import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.serving.ClusterOptions;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** A command of {@code tidemark boundaries} for one adapter. */
abstract class AdapterBoundaryCommand extends ConsoleCommand {

    @Mixin
    private ClusterOptions cluster;

    @Parameters(index = "0", paramLabel = "ADAPTER", description = "Id of the adapter.")
    private String adapter;

    final ClusterOptions cluster() {
        return cluster;
    }

    final String adapter() {
        return adapter;
    }
}
