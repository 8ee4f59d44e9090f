/**
 * What all commands share on the console: failures, progress, plots of boundaries, names of adapters and the version.
 * Depends on picocli and on packages whose results it plots. Start with {@link io.tidemark.cli.console.FailureText}.
 */
package io.tidemark.cli.console;
