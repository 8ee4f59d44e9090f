package io.tidemark.cli.model;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.InvalidAdapterException;
import io.tidemark.cli.console.CommandException;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import java.util.function.Supplier;

/** libtorch, a base model and adapters, which are closed together. */
public final class LocalModel implements AutoCloseable {

    /** The name of the base model, which no adapter has. */
    private static final String NAME = "base model";

    private final Torch torch;
    private final LanguageModel language;
    private final AdapterStore adapters;
    private final List<LoraWeights> scaled = new ArrayList<>();

    private LocalModel(Torch torch, LanguageModel language) {
        this.torch = torch;
        this.language = language;
        this.adapters = new AdapterStore(language);
    }

    /**
     * Loads a model; the caller closes it.
     *
     * @param compute the options of the model on the device
     * @throws CommandException when there is no folder, the device can't be used, or {@code compute} throws it
     * @throws io.tidemark.model.InvalidModelException as {@link LanguageModel#load(Path, String, Torch, ModelOptions)}
     */
    public static LocalModel open(Path folder, TorchOptions options, Function<Torch, ModelOptions> compute) {
        if (!Files.isDirectory(folder)) {
            throw new CommandException("--model: there is no folder " + folder);
        }
        Torch torch = opened(() -> Torch.open(options));
        try {
            ModelOptions model = compute.apply(torch);
            return new LocalModel(torch, loaded(() -> LanguageModel.load(folder, NAME, torch, model)));
        } catch (RuntimeException e) {
            torch.close();
            throw e;
        }
    }

    /**
     * libtorch on the device of options.
     *
     * @throws CommandException when the device can't be used
     */
    public static Torch opened(Supplier<Torch> opening) {
        try {
            return opening.get();
        } catch (IllegalStateException e) {
            throw new CommandException(e.getMessage(), e);
        }
    }

    /** Loads on a separate thread: the OpenMP threads that loading starts end with that thread. */
    private static LanguageModel loaded(Supplier<LanguageModel> loading) {
        try {
            return CompletableFuture.supplyAsync(loading, work -> new Thread(work, "tidemark-model").start())
                    .join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) e.getCause();
        }
    }

    public LanguageModel language() {
        return language;
    }

    /** The number of decoder layers. */
    public int layers() {
        return language.config().numLayers();
    }

    /** The adapters, for commands that load them by name. */
    public AdapterStore adapters() {
        return adapters;
    }

    /**
     * Loads an adapter without a name; the same folder may be loaded twice.
     *
     * @throws InvalidAdapterException when the adapter is broken or not supported; the message names the file or field
     */
    public LoraWeights lora(Path folder) {
        return adapters.load("adapter " + adapters.ids().size(), folder).weights();
    }

    /**
     * Loads an adapter with the scale of all LoRA multiplied by a factor.
     *
     * @throws InvalidAdapterException as {@link #lora(Path)}
     */
    public LoraWeights lora(Path folder, double factor) {
        LoraWeights weights = AdapterStore.loadScaled(language, folder, factor);
        scaled.add(weights);
        return weights;
    }

    @Override
    public void close() {
        scaled.forEach(LoraWeights::close);
        adapters.close();
        language.close();
        torch.close();
    }
}
