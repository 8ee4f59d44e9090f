/**
 * The calibrator's Kafka side: consumes validation batches and publishes boundaries, calibration states and offsets in
 * one transaction. Depends on {@code io.tidemark.calibration} for the sweep and the decision, on the adapter cache, and
 * on {@code stream.topics} and {@code stream.tables}. Start reading at
 * {@link io.tidemark.stream.calibrator.CalibratorService}, then
 * {@link io.tidemark.stream.calibrator.CalibratorSession}.
 */
package io.tidemark.stream.calibrator;
