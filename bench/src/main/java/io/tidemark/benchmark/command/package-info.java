/**
 * {@code bench/bench}: one command per benchmark of {@link io.tidemark.benchmark}. Depends on {@code cli.model},
 * {@code cli.console} and the benchmarks. Start with {@link io.tidemark.benchmark.command.BenchCommand}.
 */
package io.tidemark.benchmark.command;
