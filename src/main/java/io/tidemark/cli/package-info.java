/**
 * The commands behind {@code bin/tidemark}: they read options, call one room, and turn what goes wrong into one line.
 * It knows every room, and no room knows it; only {@code serve} and {@code demo} start Quarkus.
 * Start reading at {@link io.tidemark.cli.Main}, then {@link io.tidemark.cli.TidemarkCommand}, which lists the commands.
 */
package io.tidemark.cli;
