/**
 * Adapters on the device: LoRA weights, packed groups of adapters, and weights outside the decoder blocks.
 * Depends on {@code decoder.weights}. Start with {@link io.tidemark.decoder.lora.LoraWeights} and
 * {@link io.tidemark.decoder.lora.LoraStacks}.
 */
package io.tidemark.decoder.lora;
