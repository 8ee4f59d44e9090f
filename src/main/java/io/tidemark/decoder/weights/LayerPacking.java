package io.tidemark.decoder.weights;

import io.tidemark.torch.BackgroundExecutor;
import io.tidemark.torch.Value;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Brings layers to int8 on {@code tidemark-packing} while the thread that loads the model reads the next layer, and on that
 * thread too when the other is busy; no more than two layers are in memory in float32. Its methods are called by the thread
 * that loads, which computes alone until this is closed.
 */
final class LayerPacking implements AutoCloseable {

    private final TensorLoader loader;
    private final BackgroundExecutor thread;
    private Optional<CompletableFuture<Value>> underWay = Optional.empty();

    LayerPacking(TensorLoader loader) {
        this.loader = loader;
        this.thread =
                new BackgroundExecutor("tidemark-packing", () -> loader.torch().setThreads(1));
        loader.torch().setThreads(1);
    }

    /** Packs the layer that the script took last, when those before are done. Closes the value. */
    void add(Value linears) {
        Value sizes = loader.script().call("input_sizes");
        if (underWay.filter(last -> !last.isDone()).isPresent()) {
            try (Value packed = packed(sizes, linears)) {
                finish();
                install(packed);
            }
        } else {
            finish();
            underWay = Optional.of(CompletableFuture.supplyAsync(() -> packed(sizes, linears), thread));
        }
    }

    private Value packed(Value sizes, Value linears) {
        try (sizes;
                linears) {
            return loader.script().call("packed_layer", sizes, linears);
        }
    }

    /** Returns when the script has all layers. */
    void finish() {
        Optional<CompletableFuture<Value>> last = underWay;
        underWay = Optional.empty();
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

    private void install(Value packed) {
        loader.script().call("take_packed", packed).close();
    }

    @Override
    public void close() {
        thread.close();
        underWay.ifPresent(layer -> layer.thenAccept(Value::close));
        loader.torch().setThreads(loader.torch().threads());
    }
}
