/**
 * The role that moves boundaries, as far as Kafka is concerned: validation batches in; boundary, state and offset out in
 * one transaction. It knows the sweep, the statistics and the decision of {@code io.tidemark.calibration}, the model
 * and the adapters. Start reading at {@link io.tidemark.stream.calibrator.CalibratorSession}.
 */
package io.tidemark.stream.calibrator;
