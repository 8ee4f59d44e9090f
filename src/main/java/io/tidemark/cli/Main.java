package io.tidemark.cli;

import io.quarkus.runtime.annotations.QuarkusMain;

/**
 * Where the process starts. The command line is read before Quarkus is: a broker inside this JVM must stand before the
 * worker's channels look for it, and {@code verify} or {@code generate} need no Quarkus at all.
 */
@QuarkusMain
public final class Main {

    private Main() {}

    public static void main(String... args) {
        System.exit(TidemarkCommand.commandLine().execute(args));
    }
}
