/**
 * A simulation of calibration: streams of examples with known differences between boundaries, and rules that choose a
 * boundary after every batch. Depends on {@code calibration}, whose rules it compares, and on {@code boundary}. Start
 * with {@link io.tidemark.benchmark.calibration.CalibrationSimulation}.
 */
package io.tidemark.benchmark.calibration;
