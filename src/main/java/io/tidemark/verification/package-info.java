/**
 * Comparison of the engine with reference outputs of transformers and PEFT. Depends on {@code generation},
 * {@code calibration} and the packages below them. Start with {@link io.tidemark.verification.Verification}.
 */
package io.tidemark.verification;
