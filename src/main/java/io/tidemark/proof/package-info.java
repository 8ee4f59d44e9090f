/**
 * What a user runs to believe us: the engine against reference outputs, and measurements of both sides of a claim.
 * It knows {@code generation}, {@code calibration}, {@code boundary}, {@code model} and {@code adapter}.
 * Whether a boundary helps is in {@code evaluation} and {@code curve}, with their {@code metric}, {@code likelihood} and
 * {@code picture}. Start with {@link io.tidemark.proof.Verification} and {@link io.tidemark.proof.SweepBenchmark}.
 */
package io.tidemark.proof;
