package io.tidemark.cli.console;

/** The option {@code --verbose} of the root command, for commands below it. */
public interface Verbosity {

    /** Whether {@code --verbose} was given. */
    boolean verbose();
}
