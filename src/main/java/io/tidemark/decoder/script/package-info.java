/**
 * The border between Java and the decoder's TorchScript: the source, the layouts of all lists that cross it, and the
 * methods that Java calls. Depends on {@code boundary}, {@code model} and {@code torch}. Start with
 * {@link io.tidemark.decoder.script.DecoderLayouts}.
 */
package io.tidemark.decoder.script;
