package io.tidemark.cli;

import io.tidemark.cli.bench.BenchCommand;
import io.tidemark.cli.console.FailureText;
import io.tidemark.cli.console.NamedFolder;
import io.tidemark.cli.console.ProgramVersion;
import io.tidemark.cli.console.Verbosity;
import io.tidemark.cli.demo.DemoCommand;
import io.tidemark.cli.serving.StartsQuarkus;
import io.tidemark.model.ComputeTypeChoice;
import io.tidemark.model.Kernels;
import java.util.List;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The root command: the list of commands and the behaviour that they share. */
@Command(
        name = "tidemark",
        description = "Generates text for many LoRA adapters from requests on Kafka, each up to its boundary layer.",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        subcommands = {
            DemoCommand.class,
            ServeCommand.class,
            BrokerCommand.class,
            GenerateCommand.class,
            SendCommand.class,
            CalibrateCommand.class,
            BoundariesCommand.class,
            VerifyCommand.class,
            EvaluateCommand.class,
            CurveCommand.class,
            SearchCommand.class,
            BenchCommand.class,
            CompletionCommand.class,
            HelpCommand.class
        },
        footer = {"", "Start with:", "  tidemark demo", "Exit codes: 0 success, 1 failure, 2 wrong command line."})
public final class TidemarkCommand implements Runnable, Verbosity {

    private static final int HELP_WIDTH = 120;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--verbose",
            scope = ScopeType.INHERIT,
            description = "Print more log lines, and stack traces of failures.")
    private boolean verbose;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Name a command");
    }

    @Override
    public boolean verbose() {
        return verbose;
    }

    /** Creates the command line. */
    public static CommandLine commandLine() {
        TidemarkCommand root = new TidemarkCommand();
        CommandLine line = new CommandLine(root);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.registerConverter(NamedFolder.class, checked(NamedFolder::parse));
        line.registerConverter(ComputeTypeChoice.class, checked(ComputeTypeChoice::of));
        line.registerConverter(Kernels.class, checked(Kernels::of));
        line.setUsageHelpWidth(HELP_WIDTH);
        line.getSubcommands()
                .get("help")
                .getCommandSpec()
                .usageMessage()
                .footer("", "Example:", "  tidemark help send");
        line.setParameterExceptionHandler(TidemarkCommand::usageError);
        line.setExecutionStrategy(root::execute);
        line.setExecutionExceptionHandler((failure, command, parsed) -> {
            FailureText.print(failure, command, root.verbose());
            return CommandLine.ExitCode.SOFTWARE;
        });
        return line;
    }

    /** Picocli prints the message of a {@link TypeConversionException} only. */
    private static <T> ITypeConverter<T> checked(Function<String, T> parser) {
        return text -> {
            try {
                return parser.apply(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        };
    }

    private int execute(ParseResult parsed) {
        List<CommandLine> commands = parsed.asCommandLineList();
        requireNoUnmatched(commands);
        if (commands.get(commands.size() - 1).getCommand() instanceof StartsQuarkus) {
            PlainLogging.untilQuarkusStarts();
        } else {
            PlainLogging.apply(verbose);
        }
        return new CommandLine.RunLast().execute(parsed);
    }

    /** Rejects unknown arguments also if help is requested; picocli ignores them then. */
    private static void requireNoUnmatched(List<CommandLine> commands) {
        for (CommandLine command : commands) {
            if (!command.getUnmatchedArguments().isEmpty()) {
                throw new UnmatchedArgumentException(command, command.getUnmatchedArguments());
            }
        }
    }

    /** Prints one line with the problem and one with a suggestion, in place of the whole help. */
    private static int usageError(ParameterException failure, String[] args) {
        CommandLine command = failure.getCommandLine();
        String name = command.getCommandSpec().qualifiedName();
        command.getErr().println(command.getColorScheme().errorText(name + ": " + failure.getMessage()));
        if (!UnmatchedArgumentException.printSuggestions(failure, command.getErr())) {
            command.getErr().println("'" + name + " --help' shows its usage");
        }
        return CommandLine.ExitCode.USAGE;
    }
}
