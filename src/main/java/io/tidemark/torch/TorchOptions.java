package io.tidemark.torch;

/**
 * The device and the number of threads of libtorch.
 *
 * @param device  {@code cpu}, {@code cuda:N}, or {@code auto} for the first GPU if libtorch finds one, otherwise the
 *                CPU
 * @param threads threads of a step; 0 for libtorch's default, the number of cores
 */
public record TorchOptions(String device, int threads) {

    /** The CPU with libtorch's default number of threads. */
    public static final TorchOptions CPU = new TorchOptions("cpu", 0);

    public TorchOptions {
        if (!device.matches("cpu|auto|cuda:\\d+")) {
            throw new IllegalArgumentException("device must be cpu, auto or cuda:N, not '" + device + "'");
        }
        if (threads < 0) {
            throw new IllegalArgumentException("threads must not be negative: " + threads);
        }
    }
}
