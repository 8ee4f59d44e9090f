package io.tidemark.decoder;

/** A native call of the decoder failed, for want of memory or because something did not fit. No row was changed. */
public final class DecoderFailed extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public DecoderFailed(RuntimeException cause) {
        super(cause.getMessage(), cause);
    }
}
