/**
 * Scores of examples, the curve of their means over the boundaries of an adapter, and the choices of the offline
 * commands from it. Depends on {@code boundary}, and on {@code message} for the form of statistics in records. Start
 * reading at {@link io.tidemark.calibration.curve.BoundaryCurve}, then
 * {@link io.tidemark.calibration.curve.OneStandardError}.
 */
package io.tidemark.calibration.curve;
