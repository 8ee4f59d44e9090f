package io.tidemark.decoder.weights;

import static io.tidemark.decoder.script.DecoderMethod.INSTALL_PACKED;
import static io.tidemark.decoder.script.DecoderMethod.MEASURED_RMS;
import static io.tidemark.decoder.script.DecoderMethod.PACKED_LAYER;

import io.tidemark.torch.BackgroundExecutor;
import io.tidemark.torch.Value;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Converts layers to int8 on the thread {@code tidemark-packing} while the loading thread reads the next layer, and on
 * the loading thread if the other one is busy. At most two layers are in memory in float32. All methods are called
 * by the loading thread, whose operators use one thread until this is closed.
 */
final class Int8LayerPacker implements AutoCloseable {

    private final TensorLoader loader;
    private final BackgroundExecutor executor;
    private Optional<CompletableFuture<Value>> packing = Optional.empty();
    private int added;

    Int8LayerPacker(TensorLoader loader) {
        this.loader = loader;
        this.executor =
                new BackgroundExecutor("tidemark-packing", () -> loader.torch().setThreads(1));
        loader.torch().setThreads(1);
    }

    /** Packs the layer that was added to the script last. Closes {@code linears}. */
    void add(Value linears) {
        int layer = added++;
        Value rms = loader.script().call(MEASURED_RMS);
        if (packing.filter(last -> !last.isDone()).isPresent()) {
            try (Value packed = pack(layer, rms, linears)) {
                finish();
                install(packed);
            }
        } else {
            finish();
            packing = Optional.of(CompletableFuture.supplyAsync(() -> pack(layer, rms, linears), executor));
        }
    }

    private Value pack(int layer, Value rms, Value linears) {
        try (rms;
                linears;
                Value index = loader.torch().number(layer)) {
            return loader.script().call(PACKED_LAYER, index, rms, linears);
        }
    }

    /** Waits until the script has all packed layers. */
    void finish() {
        Optional<CompletableFuture<Value>> last = packing;
        packing = Optional.empty();
        try {
            last.ifPresent(layer -> {
                try (Value packed = layer.join()) {
                    install(packed);
                }
            });
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /** Waits for a layer whose packing has begun, because it writes to memory of the model, and closes it. */
    private static void discard(CompletableFuture<Value> layer) {
        try {
            layer.join().close();
        } catch (CompletionException e) {
            System.getLogger(Int8LayerPacker.class.getName())
                    .log(System.Logger.Level.DEBUG, "a layer could not be packed", e);
        }
    }

    private void install(Value packed) {
        loader.script().call(INSTALL_PACKED, packed).close();
    }

    @Override
    public void close() {
        executor.close();
        packing.ifPresent(Int8LayerPacker::discard);
        loader.torch().setThreads(loader.torch().threads());
    }
}
