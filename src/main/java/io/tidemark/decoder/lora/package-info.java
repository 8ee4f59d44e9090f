/**
 * Adapters on the device: loading of LoRA weights, and weights outside the decoder blocks. Depends on {@code
 * decoder.weights}, {@code decoder.script}, {@code model} and {@code torch}. Start with
 * {@link io.tidemark.decoder.lora.LoraWeights}, then {@link io.tidemark.decoder.lora.LoraLoader}.
 */
package io.tidemark.decoder.lora;
