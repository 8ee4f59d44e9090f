/**
 * Chooses the boundary of an adapter: scores validation examples at every boundary, accumulates statistics, and
 * decides. Depends on {@code boundary}, {@code model}, {@code text} and {@code decoder}, and on {@code message} for the
 * records of its states and decisions; not on Kafka or Quarkus. Start reading at
 * {@link io.tidemark.calibration.BoundaryRule}, then {@link io.tidemark.calibration.BoundarySweep};
 * {@code docs/calibration.md} has the formulas.
 */
package io.tidemark.calibration;
