/**
 * libtorch through DJL: compares TorchScript text with Java's description of it, packs it into an archive, loads it on
 * one device and calls its methods by name; and operators of our own for scripts. Depends on {@code library}, and no
 * other package imports {@code ai.djl.pytorch}. Start with {@link io.tidemark.torch.Torch}, then
 * {@link io.tidemark.torch.Script} and {@link io.tidemark.torch.Value}.
 */
package io.tidemark.torch;
