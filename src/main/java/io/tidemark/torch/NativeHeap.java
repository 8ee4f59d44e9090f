package io.tidemark.torch;

import com.sun.jna.Function;

/** The memory that libtorch takes from the C library. */
final class NativeHeap {

    private NativeHeap() {
    }

    /**
     * Gives what was freed back to the system, where the C library can (glibc). It keeps freed pieces for later by itself,
     * and a model leaves a lot of them: its weights are there in several forms while they are converted.
     */
    static void trim() {
        try {
            Function.getFunction("c", "malloc_trim").invokeInt(new Object[] {0L});
        } catch (UnsatisfiedLinkError e) {
            System.getLogger(NativeHeap.class.getName()).log(System.Logger.Level.DEBUG, "freed memory is kept", e);
        }
    }
}
