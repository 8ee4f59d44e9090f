/**
 * A model folder in the Hugging Face format: configuration, model families, and the tensors of safetensors files.
 * Depends on no other package of the project. Start with {@link io.tidemark.model.ModelConfig} and
 * {@link io.tidemark.model.WeightFiles}.
 */
package io.tidemark.model;
