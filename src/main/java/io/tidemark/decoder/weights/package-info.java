/**
 * The base model's weights in memory: loads the tensors of a model folder, checks them, and installs them in the
 * TorchScript object of the decoder. Depends on {@code decoder.script}, {@code model} and {@code torch}. Start with
 * {@link io.tidemark.decoder.weights.BaseWeights}.
 */
package io.tidemark.decoder.weights;
