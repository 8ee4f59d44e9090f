/**
 * Everything that touches Kafka and Quarkus: the worker, the calibrator's Kafka half, topics, tables, health, metrics
 * and settings. It knows the rooms that do the work (generation, calibration, model, adapter, boundary, message) and
 * wires them; none of them knows it. Start reading at {@link io.tidemark.stream.ServeApplication}, then
 * {@code worker.RequestIntake} and {@code calibrator.CalibratorLoop}.
 */
package io.tidemark.stream;
