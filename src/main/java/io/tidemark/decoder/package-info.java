/**
 * The decoder: runs one step for a mixed batch of sequences, each with its own adapter and boundary. Depends on
 * {@code model}, {@code text} and {@code torch}; the subpackages use only {@link io.tidemark.decoder.script.DecoderException}
 * of this package. Start with {@link io.tidemark.decoder.LanguageModel}, then {@link io.tidemark.decoder.Decoder} and
 * {@code step.torchscript}.
 */
package io.tidemark.decoder;
