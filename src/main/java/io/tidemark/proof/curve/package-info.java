/**
 * The second way to a boundary, by eye: the gold tokens' probability after every layer, with LoRA and without.
 * It knows {@code calibration} and {@code model}.
 * Start with {@link io.tidemark.proof.curve.ProbabilityCurve}.
 */
package io.tidemark.proof.curve;
