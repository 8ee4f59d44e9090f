package io.tidemark.cli;

import io.tidemark.adapter.LoadedAdapter;
import io.tidemark.boundary.Boundary;
import io.tidemark.generation.Completion;
import io.tidemark.generation.Ending;
import io.tidemark.generation.Failure;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.Outcome;
import io.tidemark.model.ChatMessage;
import io.tidemark.model.LanguageModel;
import io.tidemark.model.Sampling;
import io.tidemark.torch.TorchOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark generate}: one request through the engine, without Kafka. */
@Command(
        name = "generate",
        description = "Generates one text in this process, without Kafka, and streams it to the terminal.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example: the adapter in the lowest 12 layers only",
            "  tidemark generate --model models/base --adapter restaurants=adapters/restaurants --boundary 12 \\",
            "      --prompt 'Restaurant facts: name[The Eagle]\\nDescription:' --max-tokens 64",
            "\\n in --prompt, --message and --stop is a line break."})
final class GenerateCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "The base model's Hugging Face folder.")
    private Path model;

    @Option(names = "--adapter", paramLabel = "NAME=DIR", converter = NamedFolder.Converter.class,
            description = "An adapter and its PEFT folder; may be repeated.")
    private List<NamedFolder> adapters = new ArrayList<>();

    @Option(names = "--use", paramLabel = "NAME",
            description = "The adapter to use. Default: the first one named; the base model when there is none.")
    private Optional<String> use = Optional.empty();

    @Option(names = "--boundary", paramLabel = "LAYERS",
            description = "Use the adapter in this many of the lowest layers. Default: all.")
    private Optional<Integer> boundary = Optional.empty();

    @ArgGroup(multiplicity = "1")
    private Source source;

    @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "128", description = "Default: ${DEFAULT-VALUE}.")
    private int maxTokens;

    @Option(names = "--temperature", paramLabel = "T", defaultValue = "0",
            description = "0 takes the most likely token. Default: ${DEFAULT-VALUE}.")
    private double temperature;

    @Option(names = "--top-p", paramLabel = "P", defaultValue = "1",
            description = "Keep the most likely tokens up to this probability. Default: ${DEFAULT-VALUE}.")
    private double topP;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0",
            description = "Makes random choices repeatable. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--stop", paramLabel = "TEXT", description = "Text that ends the answer; may be repeated.")
    private List<String> stop = new ArrayList<>();

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0",
            description = "Threads of the engine; 0 takes one a core. Default: ${DEFAULT-VALUE}.")
    private int threads;

    /** Where the prompt comes from: exactly one of these. */
    static final class Source {

        @Option(names = "--prompt", paramLabel = "TEXT", description = "The prompt, as the adapter was trained to see it.")
        private Optional<String> prompt = Optional.empty();

        @Option(names = "--prompt-file", paramLabel = "FILE", description = "A file that holds the prompt, to its last byte.")
        private Optional<Path> promptFile = Optional.empty();

        @Option(names = "--message", paramLabel = "TEXT", description = "A user's message for the model's chat template.")
        private Optional<String> message = Optional.empty();

        private String text() {
            return promptFile.map(Source::read).orElseGet(() -> withLineBreaks(prompt.orElse("")));
        }

        private static String read(Path file) {
            try {
                return Files.readString(file);
            } catch (IOException e) {
                throw new CommandFailed(file + " cannot be read: " + FailureText.oneLine(e), e);
            }
        }

        private static String withLineBreaks(String text) {
            return text.replace("\\n", "\n");
        }
    }

    @Mixin
    private ComputeOptions compute = new ComputeOptions();

    @Override
    public Integer call() {
        Optional<String> adapter = use.or(() -> adapters.stream().findFirst().map(NamedFolder::name));
        LocalGeneration generation = new LocalGeneration(model, adapters, new TorchOptions("cpu", threads), compute.options());
        Outcome outcome = generation.run(adapter, this::request, spec.commandLine().getOut());
        if (outcome instanceof Failure failure) {
            throw new CommandFailed(failure.code() + ": " + failure.message());
        }
        spec.commandLine().getErr().println(summary((Completion) outcome));
        return 0;
    }

    private GenerationRequest request(LanguageModel language, Optional<LoadedAdapter> adapter) {
        int layers = language.config().numLayers();
        int chosen = boundary.orElse(layers);
        if (chosen < 0 || chosen > layers) {
            throw new ParameterException(spec.commandLine(), "--boundary must be 0 to " + layers + " for this model");
        }
        return new GenerationRequest("generate", adapter.map(LoadedAdapter::weights), new Boundary(chosen), prompt(language),
                Ending.after(maxTokens).withStop(stop.stream().map(Source::withLineBreaks).toList()),
                Sampling.at(temperature).withTopP(topP), seed, 1, OptionalInt.empty());
    }

    private List<Integer> prompt(LanguageModel language) {
        if (source.message.isPresent()) {
            List<ChatMessage> turns = List.of(new ChatMessage("user", Source.withLineBreaks(source.message.get())));
            return language.tokenizer().encodePlain(language.chatTemplate().render(turns));
        }
        return language.tokenizer().encodePrompt(source.text());
    }

    private static String summary(Completion completion) {
        double seconds = (completion.timing().totalMs() - completion.timing().queuedMs()) / 1000;
        int tokens = completion.usage().completionTokens();
        return "%d tokens, %.1f tokens/s, %s".formatted(tokens, tokens / Math.max(seconds, 1e-9),
                completion.choices().get(0).finishReason().name().toLowerCase(Locale.ROOT));
    }
}
