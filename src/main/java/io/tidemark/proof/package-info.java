/**
 * What a user runs to believe us: the engine against reference outputs, and measurements of both sides of a claim.
 * It knows {@code generation}, {@code calibration}, {@code boundary}, {@code model} and {@code adapter}.
 * Start with {@link io.tidemark.proof.Verification} and {@link io.tidemark.proof.SweepBenchmark}.
 */
package io.tidemark.proof;
