package io.tidemark.cli;

import io.tidemark.cli.bench.BenchCommand;
import io.tidemark.cli.boundaries.BoundariesCommand;
import io.tidemark.cli.demo.DemoCommand;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The root of the command line: the list of commands, and what all of them share. */
@Command(
        name = "tidemark",
        description = "Generates text for many LoRA adapters from requests on Kafka, each up to its boundary layer.",
        mixinStandardHelpOptions = true,
        versionProvider = VersionProvider.class,
        subcommands = {
            DemoCommand.class, ServeCommand.class, BrokerCommand.class, GenerateCommand.class, SendCommand.class,
            CalibrateCommand.class, BoundariesCommand.class, VerifyCommand.class, EvaluateCommand.class,
                    CurveCommand.class,
            SearchCommand.class, BenchCommand.class
        },
        footer = {"", "Start here:", "  tidemark demo", "Exit codes: 0 done, 1 failed, 2 the command line was wrong."})
public final class TidemarkCommand implements Runnable {

    private static final int HELP_WIDTH = 120;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--verbose",
            scope = ScopeType.INHERIT,
            description = "Show more log lines, and the whole stack trace when something fails.")
    private boolean verbose;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Name a command");
    }

    /** Whether the user asked for more log lines. */
    public boolean verbose() {
        return verbose;
    }

    /** The command line, ready to execute. */
    public static CommandLine commandLine() {
        TidemarkCommand root = new TidemarkCommand();
        CommandLine line = new CommandLine(root);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setUsageHelpWidth(HELP_WIDTH);
        line.setParameterExceptionHandler(TidemarkCommand::usageError);
        line.setExecutionStrategy(parsed -> {
            List<CommandLine> named = parsed.asCommandLineList();
            if (named.get(named.size() - 1).getCommand() instanceof StartsQuarkus) {
                PlainLogging.untilQuarkusStarts();
            } else {
                PlainLogging.apply(root.verbose());
            }
            return new CommandLine.RunLast().execute(parsed);
        });
        line.setExecutionExceptionHandler((failure, command, parsed) -> {
            FailureText.print(failure, command, root.verbose());
            return CommandLine.ExitCode.SOFTWARE;
        });
        return line;
    }

    /** One line with what is wrong and where to read on, in place of the whole help. */
    private static int usageError(ParameterException failure, String[] args) {
        CommandLine command = failure.getCommandLine();
        String name = command.getCommandSpec().qualifiedName();
        command.getErr().println(command.getColorScheme().errorText(name + ": " + failure.getMessage()));
        if (!CommandLine.UnmatchedArgumentException.printSuggestions(failure, command.getErr())) {
            command.getErr().println("'" + name + " --help' shows how it is used");
        }
        return CommandLine.ExitCode.USAGE;
    }
}
