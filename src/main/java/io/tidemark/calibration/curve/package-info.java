/**
 * Scores of examples, the curve of their means over the boundaries of an adapter, and the objectives that choose a
 * boundary from it. Depends on {@code boundary}, and on {@code message} for the form of statistics in records. Start
 * reading at {@link io.tidemark.calibration.curve.BoundaryCurve}, then
 * {@link io.tidemark.calibration.curve.Objective}.
 */
package io.tidemark.calibration.curve;
