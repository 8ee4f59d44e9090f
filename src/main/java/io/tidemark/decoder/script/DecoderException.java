package io.tidemark.decoder.script;

/** A native call of the decoder failed: out of memory, or a shape that does not match. No sequence was changed. */
public final class DecoderException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public DecoderException(RuntimeException cause) {
        super(cause.getMessage(), cause);
    }
}
