package io.tidemark.cli;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRefused;
import java.io.PrintWriter;
import java.util.concurrent.CompletableFuture;

/** One request through the engine that workers use, in this process. */
final class LocalGeneration {

    private static final int PREFILL_TOKENS = 512;

    private final LanguageModel language;
    private final PrintWriter out;

    LocalGeneration(LanguageModel language, PrintWriter out) {
        this.language = language;
        this.out = out;
    }

    /**
     * Runs a request to its end and prints its text as it comes.
     *
     * @throws CommandFailed when the engine can never run it
     */
    Outcome run(GenerationRequest request) {
        long wanted = (request.prompt().size() + (long) request.params().maxTokens())
                * language.decoder().kvBytesPerToken();
        // the engine reserves whole blocks; twice the need is room enough for one row
        try (GenerationEngine engine = GenerationEngine.start(
                language, new EngineLimits(1, PREFILL_TOKENS, Math.max(2 * wanted, 64L << 20)))) {
            Printer printer = new Printer(out);
            engine.submit(request, printer);
            return printer.outcome.join();
        } catch (RequestRefused e) {
            throw new CommandFailed(e.getMessage(), e);
        }
    }

    /** Called on the engine's thread. */
    private static final class Printer implements GenerationListener {

        private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
        private final PrintWriter out;

        Printer(PrintWriter out) {
            this.out = out;
        }

        @Override
        public void onText(int choice, String chunk) {
            out.print(chunk);
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
