/**
 * libtorch through DJL: compares TorchScript text with Java's description of it, packs it into an archive, loads it on
 * one device and calls its methods by name. Depends on no other package of the project, and no other package imports
 * {@code ai.djl.pytorch}. Start with {@link io.tidemark.torch.Torch}, then {@link io.tidemark.torch.Script} and
 * {@link io.tidemark.torch.Value}.
 */
package io.tidemark.torch;
