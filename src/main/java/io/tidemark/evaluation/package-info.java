/**
 * Quality of an adapter at several boundaries on labelled examples: the log-likelihood of gold texts, generated texts
 * against references, and probability curves over the layers. Depends on {@code calibration}, {@code generation},
 * {@code metric} and the packages below them. Start with {@link io.tidemark.evaluation.Evaluation}.
 */
package io.tidemark.evaluation;
