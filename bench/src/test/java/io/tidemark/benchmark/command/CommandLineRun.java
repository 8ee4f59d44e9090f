package io.tidemark.benchmark.command;

import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;

/** One run of the command line in the JVM of the test. */
record CommandLineRun(int exitCode, String out, String err) {

    /** Runs {@code bench/bench} with words that are separated by blanks. */
    static CommandLineRun of(String words) {
        return of(BenchCommand.commandLine(), words);
    }

    /** Runs a program with words that are separated by blanks. */
    static CommandLineRun of(CommandLine line, String words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        line.setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF));
        int exitCode = line.execute(words.split(" "));
        return new CommandLineRun(exitCode, out.toString(), err.toString());
    }
}
