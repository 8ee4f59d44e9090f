/**
 * Whether a boundary helps: likelihood of gold texts, generated texts against references, and speed, at several boundaries.
 * It knows {@code calibration}, {@code generation}, {@code model} and the metrics.
 * Start with {@link io.tidemark.proof.evaluation.Evaluation}.
 */
package io.tidemark.proof.evaluation;
