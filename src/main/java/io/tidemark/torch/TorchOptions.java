package io.tidemark.torch;

/**
 * Where and how wide libtorch computes.
 *
 * @param device  {@code cpu}, {@code cuda:N}, or {@code auto} for the first GPU if libtorch sees one
 * @param threads the most threads inside one operator, and of all engine instances together; 0 takes libtorch's own choice, the
 *                number of cores
 */
public record TorchOptions(String device, int threads) {

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
