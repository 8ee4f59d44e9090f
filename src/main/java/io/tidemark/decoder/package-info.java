/**
 * The decoder: runs one step for a mixed batch of sequences, each with its own adapter and boundary layer.
 * Depends on {@code model}, {@code text} and {@code torch}; the subpackages do not depend on this package except for
 * its exceptions. Start with {@link io.tidemark.decoder.LanguageModel}, then {@link io.tidemark.decoder.Decoder} and
 * {@code step.torchscript}.
 */
package io.tidemark.decoder;
