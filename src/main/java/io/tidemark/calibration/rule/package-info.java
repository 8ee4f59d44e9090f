/**
 * The rule that moves and withdraws boundaries from the scores of validation batches: epochs, sequential tests, and
 * the decision. Depends on {@code calibration.curve} and {@code calibration.sweep}, and on {@code message} for the
 * records of its states and decisions. Start reading at {@link io.tidemark.calibration.rule.BoundaryRule}, then
 * {@link io.tidemark.calibration.rule.EProcesses}; {@code docs/calibration-rule.md} has the formulas.
 */
package io.tidemark.calibration.rule;
