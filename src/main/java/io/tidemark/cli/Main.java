package io.tidemark.cli;

import io.quarkus.runtime.annotations.QuarkusMain;

/**
 * The entry point of the process. The command line is parsed before Quarkus starts: the channels of the worker need a
 * running embedded broker, and commands such as {@code verify} and {@code generate} do not use Quarkus.
 */
@QuarkusMain
public final class Main {

    private Main() {}

    public static void main(String... args) {
        System.exit(TidemarkCommand.commandLine().execute(args));
    }
}
