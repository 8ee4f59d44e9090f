package io.tidemark.cli.console;

import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command of a program, which has subcommands only: the types of options, logging, and the text of failures. */
@Command(mixinStandardHelpOptions = true, versionProvider = ProgramVersion.class)
public abstract class RootCommand implements Runnable, Verbosity {

    private static final int HELP_WIDTH = 120;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--verbose",
            scope = ScopeType.INHERIT,
            description = "Print more log lines, and stack traces of failures.")
    private boolean verbose;

    @Override
    public final void run() {
        throw new ParameterException(spec.commandLine(), "Name a command");
    }

    @Override
    public final boolean verbose() {
        return verbose;
    }

    /** Creates the command line of this program. */
    protected final CommandLine line() {
        CommandLine line = new CommandLine(this);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.registerConverter(NamedFolder.class, checked(NamedFolder::parse));
        line.registerConverter(Instant.class, checked(RootCommand::instant));
        line.setUsageHelpWidth(HELP_WIDTH);
        line.setParameterExceptionHandler(RootCommand::usageError);
        line.setExecutionStrategy(this::execute);
        line.setExecutionExceptionHandler((failure, command, parsed) -> {
            FailureText.print(failure, command, verbose);
            return CommandLine.ExitCode.SOFTWARE;
        });
        return line;
    }

    /** Makes a parser fail as picocli expects, which prints the message of a {@link TypeConversionException} only. */
    public static <T> ITypeConverter<T> checked(Function<String, T> parser) {
        return text -> {
            try {
                return parser.apply(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        };
    }

    private static Instant instant(String text) {
        try {
            return Instant.parse(text);
        } catch (DateTimeParseException e) {
            throw new IllegalArgumentException("'" + text + "' is no time such as 2026-12-01T12:00:00Z", e);
        }
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
        Optional<UnknownWord> unknown = UnknownWord.in(failure);
        command.getErr()
                .println(command.getColorScheme()
                        .errorText(name + ": "
                                + unknown.map(UnknownWord::problem).orElseGet(() -> problem(failure.getMessage()))));
        command.getErr()
                .println(unknown.flatMap(UnknownWord::suggestion).orElse("'" + name + " --help' shows its usage"));
        return CommandLine.ExitCode.USAGE;
    }

    /** The message of picocli without names of Java's types and a repeated word. */
    private static String problem(String message) {
        return message.replace("option option", "option")
                .replace("is not a double", "is not a number")
                .replace("is not an int", "is not a whole number")
                .replace("is not a long", "is not a whole number");
    }
}
