/**
 * {@code tidemark bench}: figures that can be measured again, each by a command of its own. They read options, let
 * {@link io.tidemark.benchmark} measure, and print.
 * Start reading at {@link io.tidemark.cli.bench.BenchCommand}, which lists them.
 */
package io.tidemark.cli.bench;
