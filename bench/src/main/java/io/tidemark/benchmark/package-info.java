/**
 * Measurements of speed and memory in one process: decoding, generation, the boundary sweep, adapter loads, and the
 * effect of a long prompt on running sequences. Depends on {@code generation}, {@code calibration}, {@code evaluation},
 * {@code load} and the packages below them. The package {@code scaling} simulates autoscaling. Start with
 * {@link io.tidemark.benchmark.DecodeBenchmark}.
 */
package io.tidemark.benchmark;
