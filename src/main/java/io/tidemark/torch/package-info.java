/**
 * The door to libtorch: TorchScript text is packed into an archive, loaded on one device and called by name.
 * It knows no other room, and no other room imports {@code ai.djl.pytorch}.
 * Start with {@link io.tidemark.torch.Torch}, then {@link io.tidemark.torch.Script} and {@link io.tidemark.torch.Value}.
 */
package io.tidemark.torch;
