/**
 * The decoder: runs one step for a mixed batch of sequences, each with its own adapter and boundary. Depends on
 * {@code boundary}, {@code model}, {@code text}, {@code torch} and its sub-packages, which do not depend on it. Start
 * with {@link io.tidemark.decoder.LanguageModel}, then {@link io.tidemark.decoder.Decoder} and
 * {@code step.torchscript}.
 */
package io.tidemark.decoder;
