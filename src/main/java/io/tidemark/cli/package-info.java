/**
 * The commands of {@code bin/tidemark}: they parse options, call one package, and print results or a one-line failure.
 * Depends on its sub-packages and on most others; no package depends on it, and only {@code serve} and {@code demo}
 * start Quarkus. Start with {@link io.tidemark.cli.TidemarkCommand}, which lists the commands.
 */
package io.tidemark.cli;
