package io.tidemark.torch;

/**
 * CUDA reported an error after which each further call of this process fails, such as an illegal address. An {@link
 * Error}, because no caller can continue: the process has to end, and another one takes over its work.
 */
public final class DeviceError extends Error {

    private static final long serialVersionUID = 1L;

    DeviceError(String message, Throwable cause) {
        super(message, cause);
    }
}
