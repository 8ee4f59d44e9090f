package io.tidemark.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;

/** One run of the command line in the JVM of the test. */
public record CommandLineRun(int exitCode, String out, String err) {

    /** Runs {@code tidemark} with these arguments. */
    public static CommandLineRun of(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = TidemarkCommand.commandLine()
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF));
        int exitCode = line.execute(arguments);
        return new CommandLineRun(exitCode, out.toString(), err.toString());
    }
}
