package io.tidemark.cli.serving;

/** A command that starts Quarkus in this process, which configures logging. */
public interface StartsQuarkus {}
