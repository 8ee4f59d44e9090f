package io.tidemark.cli.adapters;

import io.tidemark.cli.console.ConsoleCommand;
import picocli.CommandLine.Command;

/** {@code tidemark adapters}: reads and writes the topic of adapters. */
@Command(
        name = "adapters",
        description = "Publishes, replaces and removes adapters by the topic 'adapters', without a restart, and splits"
                + " requests between versions.",
        subcommands = {
            AdapterAdd.class,
            AdapterAlias.class,
            AdapterList.class,
            AdapterShow.class,
            AdapterRemove.class,
            AdapterVerify.class
        },
        footer = {
            "",
            "Example: publish a version, and wait until each worker can serve it",
            "  tidemark adapters add extract-v2 s3://adapters/extract/v2 --wait",
            "Exit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 the time of --wait ran out."
        })
public final class AdaptersCommand extends ConsoleCommand {

    @Override
    public Integer call() {
        throw wrongUse("Name one of: " + String.join(", ", spec().subcommands().keySet()));
    }
}
