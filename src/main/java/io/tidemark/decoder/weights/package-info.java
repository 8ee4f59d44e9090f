/**
 * The base model's weights in memory: reads them from safetensors, checks them and installs them in the TorchScript
 * object. Depends on {@code model} and {@code torch}. Start with {@link io.tidemark.decoder.weights.BaseWeights}.
 */
package io.tidemark.decoder.weights;
