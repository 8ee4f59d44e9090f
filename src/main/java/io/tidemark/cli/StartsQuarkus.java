package io.tidemark.cli;

/** A command in whose process Quarkus runs, and with it Quarkus' logging. */
public interface StartsQuarkus {}
