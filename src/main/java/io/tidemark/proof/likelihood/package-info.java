/**
 * What a gold text is worth to the model: teacher-forced passes at one boundary, for those who want few of them.
 * It knows {@code calibration} and {@code model}.
 * Start with {@link io.tidemark.proof.likelihood.GoldPass}.
 */
package io.tidemark.proof.likelihood;
