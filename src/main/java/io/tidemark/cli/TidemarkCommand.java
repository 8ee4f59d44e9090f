package io.tidemark.cli;

import io.tidemark.cli.adapters.AdaptersCommand;
import io.tidemark.cli.console.RootCommand;
import io.tidemark.cli.demo.DemoCommand;
import io.tidemark.cli.model.ComputeOptions;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/** {@code tidemark}: the commands of the product. */
@Command(
        name = "tidemark",
        description = "Generates text for many LoRA adapters from requests on Kafka, each up to its boundary layer.",
        subcommands = {
            DemoCommand.class,
            ServeCommand.class,
            BrokerCommand.class,
            GenerateCommand.class,
            SendCommand.class,
            CalibrateCommand.class,
            BoundariesCommand.class,
            AdaptersCommand.class,
            VerifyCommand.class,
            EvaluateCommand.class,
            CurveCommand.class,
            SearchCommand.class,
            CompletionCommand.class,
            HelpCommand.class
        },
        footer = {"", "Start with:", "  tidemark demo", "Exit codes: 0 success, 1 failure, 2 wrong command line."})
public final class TidemarkCommand extends RootCommand {

    /** Creates the command line. */
    public static CommandLine commandLine() {
        CommandLine line = ComputeOptions.parsedBy(new TidemarkCommand().line());
        line.getSubcommands()
                .get("help")
                .getCommandSpec()
                .usageMessage()
                .footer("", "Example:", "  tidemark help send");
        return line;
    }
}
