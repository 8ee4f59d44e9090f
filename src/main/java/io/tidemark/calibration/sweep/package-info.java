/**
 * Scores examples at every boundary in one pass over the layers. Depends on {@code decoder}, {@code model} and
 * {@code calibration.curve}; not on Kafka or Quarkus. Start reading at
 * {@link io.tidemark.calibration.sweep.BoundarySweep}, then {@link io.tidemark.calibration.sweep.SweepRun}.
 */
package io.tidemark.calibration.sweep;
