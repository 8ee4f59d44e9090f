/**
 * The calibrator's Kafka side: consumes validation batches and publishes boundaries, calibration states and offsets in
 * one transaction. Depends on {@code io.tidemark.calibration} for the sweep and the decision, on {@code input} and the
 * adapter cache, on {@code generation} for sweeps in an engine, and on {@code topic}, {@code stream.topics}, {@code
 * stream.tables} and {@code stream.settings}. Start reading at
 * {@link io.tidemark.stream.calibrator.CalibratorService}, then
 * {@link io.tidemark.stream.calibrator.CalibratorSession}.
 */
package io.tidemark.stream.calibrator;
