/**
 * {@code tidemark bench}: one command per benchmark of {@link io.tidemark.benchmark}. Depends on {@code cli.model},
 * {@code cli.console} and the benchmarks. Start with {@link io.tidemark.cli.bench.BenchCommand}, which lists them.
 */
package io.tidemark.cli.bench;
