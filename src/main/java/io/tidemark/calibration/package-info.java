/**
 * Finds the boundary of an adapter: scores of validation examples in, a decision with its evidence out.
 * Knows boundaries, models and adapters, and neither Kafka nor Quarkus.
 * Start reading at {@link io.tidemark.calibration.BoundaryDecision}, then {@link io.tidemark.calibration.Objective};
 * the formulas are in {@code docs/calibration.md}.
 */
package io.tidemark.calibration;
