package io.tidemark.cli;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.NamedFolder;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.ModelAndAdapterOptions;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.generation.Completion;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.input.InputEncoder;
import io.tidemark.input.RejectedException;
import io.tidemark.message.ChatTurn;
import io.tidemark.message.Input;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tidemark generate}: one request through the generation engine, without Kafka. */
@Command(
        name = "generate",
        description = "Generates one text in this process, without Kafka, and streams it to stdout.",
        footer = {
            "",
            "Example: LoRA in the lowest 12 layers",
            "  tidemark generate --model models/base --adapter restaurants=adapters/restaurants --boundary 12 \\",
            "      --prompt 'Restaurant facts: name[The Eagle]\\nDescription:' --max-tokens 64 --temperature 0",
            "\\n in --prompt, --message, --stop and --choice is a line break."
        })
final class GenerateCommand extends ConsoleCommand {

    private static final int PREFILL_TOKENS = 512;
    private static final long MIN_KV_BYTES = 64L << 20;

    @Mixin
    private ModelAndAdapterOptions model = new ModelAndAdapterOptions();

    @Option(
            names = "--use",
            paramLabel = "NAME",
            description = "The adapter to use. Default: the first one, or the base model if there is none.")
    private Optional<String> use = Optional.empty();

    @Option(
            names = "--boundary",
            paramLabel = "LAYERS",
            description = "Apply the adapter in this many of the lowest layers. Default: all.")
    private Optional<Integer> boundary = Optional.empty();

    @ArgGroup(multiplicity = "1")
    private PromptOptions input;

    @Mixin
    private SamplingOptions sampling = new SamplingOptions();

    @ArgGroup(heading = "The format of the text:%n")
    private FormatOptions format = new FormatOptions();

    @Override
    public Integer call() {
        requireParams();
        Outcome outcome;
        try (LocalModel local = model.open()) {
            model.adapters().forEach(adapter -> local.adapters().load(adapter.name(), adapter.folder()));
            EngineRequest request = request(local.language(), adapter(local.adapters()));
            outcome = run(local.language(), request);
        }
        if (outcome instanceof Outcome.Failure failure) {
            throw new CommandException(failure.code() + ": " + failure.message());
        }
        err().println(summary((Completion) outcome));
        return 0;
    }

    private Optional<LoraWeights> adapter(AdapterStore store) {
        return use.or(() -> model.adapters().stream().findFirst().map(NamedFolder::name))
                .map(name -> store.find(name)
                        .orElseThrow(() -> new CommandException(
                                "no adapter '" + name + "' among " + store.ids() + "; name it with --adapter NAME=DIR"))
                        .weights());
    }

    private EngineRequest request(LanguageModel language, Optional<LoraWeights> adapter) {
        model.requireBoundaries(language, boundary.stream().toList());
        return new EngineRequest(
                "generate",
                tokens(language),
                params(language),
                adapter,
                new Boundary(boundary.orElse(language.config().numLayers())));
    }

    /** Fails before the model is loaded. */
    private void requireParams() {
        try {
            sampling.params();
        } catch (IllegalArgumentException e) {
            throw wrongUse(e);
        }
    }

    private GenerationParams params(LanguageModel language) {
        GenerationParams free = sampling.params();
        return format.compiled(model.folder(), language.config())
                .map(free::withGrammar)
                .orElse(free);
    }

    private List<Integer> tokens(LanguageModel language) {
        Input content = input.message()
                .<Input>map(text -> new Input.Messages(List.of(new ChatTurn("user", text)), List.of()))
                .orElseGet(() -> new Input.Prompt(input.prompt().orElse("")));
        try {
            return new InputEncoder(language).encode(content);
        } catch (RejectedException e) {
            throw new CommandException(e.getMessage(), e);
        }
    }

    /** Runs the request and prints its text while it is generated. */
    private Outcome run(LanguageModel language, EngineRequest request) {
        long bytes = (request.prompt().size() + (long) request.params().maxTokens())
                * language.decoder().kvBytesPerToken();
        // The engine reserves whole blocks, so the KV cache has twice the required size.
        EngineLimits limits = new EngineLimits(1, PREFILL_TOKENS, Math.max(2 * bytes, MIN_KV_BYTES));
        try (GenerationEngine engine = GenerationEngine.start(language, limits)) {
            Printer printer = new Printer(out());
            engine.submit(request, printer);
            return printer.outcome.join();
        } catch (RequestRejectedException e) {
            throw new CommandException(e.getMessage(), e);
        }
    }

    private static String summary(Completion completion) {
        double seconds = (completion.timing().totalMs() - completion.timing().queuedMs()) / 1000;
        int tokens = completion.usage().completionTokens();
        return "%d tokens, %.1f tokens/s, %s"
                .formatted(
                        tokens,
                        tokens / Math.max(seconds, 1e-9),
                        completion.choices().get(0).finishReason().name().toLowerCase(Locale.ROOT));
    }

    /** Prints the text as it is generated. Runs on the engine's thread. */
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
