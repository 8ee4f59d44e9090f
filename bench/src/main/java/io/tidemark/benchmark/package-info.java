/**
 * Measurements of speed and memory in one process: decoding, generation, the boundary sweep, adapter loads, and the
 * effect of a long prompt on running sequences. Depends on {@code generation}, {@code calibration}, {@code evaluation}
 * and the packages below them. The packages {@code calibration} and {@code scaling} below this one hold simulations.
 * Start with {@link io.tidemark.benchmark.DecodeBenchmark}.
 */
package io.tidemark.benchmark;
