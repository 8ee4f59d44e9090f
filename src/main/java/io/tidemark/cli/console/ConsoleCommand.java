package io.tidemark.cli.console;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What every command has: {@code --help} and {@code --version}, its output, and the refusal of wrong options. */
@Command(mixinStandardHelpOptions = true)
public abstract class ConsoleCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    /** The command as picocli knows it. */
    protected final CommandSpec spec() {
        return spec;
    }

    /** The output that other programs may read. */
    protected final PrintWriter out() {
        return spec.commandLine().getOut();
    }

    /** Progress, notices and failures. */
    protected final PrintWriter err() {
        return spec.commandLine().getErr();
    }

    /** The command line is wrong; the message names the option. */
    protected final ParameterException wrongUse(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    /** The command line is wrong, as the cause says. */
    protected final ParameterException wrongUse(IllegalArgumentException cause) {
        return new ParameterException(spec.commandLine(), cause.getMessage(), cause);
    }
}
