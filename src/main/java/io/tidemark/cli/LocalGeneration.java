package io.tidemark.cli;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.LoadedAdapter;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRefused;
import io.tidemark.model.LanguageModel;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;

/** One request through the engine that workers use, in this process. */
final class LocalGeneration {

    private static final int PREFILL_TOKENS = 512;

    private final Path model;
    private final List<NamedFolder> adapters;
    private final TorchOptions options;
    private final ModelOptions compute;

    LocalGeneration(Path model, List<NamedFolder> adapters, TorchOptions options, ModelOptions compute) {
        this.model = model;
        this.adapters = List.copyOf(adapters);
        this.options = options;
        this.compute = compute;
    }

    /**
     * Loads model and adapters, runs the request and prints its text as it comes.
     *
     * @param use     the adapter's name; empty for the base model
     * @param request made once model and adapter are there
     */
    Outcome run(Optional<String> use, BiFunction<LanguageModel, Optional<LoadedAdapter>, GenerationRequest> request, PrintWriter out) {
        try (Torch torch = Torch.open(options);
                LanguageModel language = LanguageModel.load(model, name(), torch, compute);
                AdapterStore store = new AdapterStore(language)) {
            adapters.forEach(adapter -> store.load(adapter.name(), adapter.folder()));
            Optional<LoadedAdapter> adapter = use.map(name -> store.find(name).orElseThrow(
                    () -> new CommandFailed("no adapter '" + name + "' among " + store.ids() + "; name it with --adapter NAME=DIR")));
            return generate(language, request.apply(language, adapter), out);
        }
    }

    private static Outcome generate(LanguageModel language, GenerationRequest request, PrintWriter out) {
        long wanted = (request.prompt().size() + (long) request.maxTokens()) * language.config().kvBytesPerToken();
        // the engine reserves whole blocks; twice the need is room enough for one row
        try (GenerationEngine engine = GenerationEngine.start(language, new EngineLimits(1, PREFILL_TOKENS, Math.max(2 * wanted, 64L << 20)))) {
            Printer printer = new Printer(out);
            engine.submit(request, printer);
            return printer.outcome.join();
        } catch (RequestRefused e) {
            throw new CommandFailed(e.getMessage(), e);
        }
    }

    private String name() {
        return model.toAbsolutePath().normalize().getFileName().toString();
    }

    /** Called on the engine's thread. */
    private static final class Printer implements GenerationListener {

        private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
        private final PrintWriter out;

        Printer(PrintWriter out) {
            this.out = out;
        }

        @Override
        public void onText(int choice, String piece) {
            out.print(piece);
            out.flush();
        }

        @Override
        public void onChoiceFinished(int choice, FinishReason reason) {
            out.println();
            out.flush();
        }

        @Override
        public void onFinished(Outcome finished) {
            outcome.complete(finished);
        }
    }
}
