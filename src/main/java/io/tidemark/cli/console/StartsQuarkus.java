package io.tidemark.cli.console;

/** A command that starts Quarkus in this process, which configures logging. */
public interface StartsQuarkus {}
