/**
 * {@code tidemark bench}: one command per benchmark of {@link io.tidemark.benchmark}. Start with
 * {@link io.tidemark.cli.bench.BenchCommand}, which lists them.
 */
package io.tidemark.cli.bench;
