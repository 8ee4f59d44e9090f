/**
 * The base model: config, weights, tokenizer, chat template, and the decoder that runs one step for a mixed batch.
 * It knows only {@code torch}; adapters reach it as {@link io.tidemark.model.LoraWeights}.
 * Start with {@link io.tidemark.model.LanguageModel}, then {@link io.tidemark.model.Decoder} and {@code step.torchscript}.
 */
package io.tidemark.model;
