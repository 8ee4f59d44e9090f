package io.tidemark.cli;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.generation.Completion;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.generation.StopConditions;
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
            "\\n in --prompt, --message and --stop is a line break."
        })
final class GenerateCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Option(
            names = "--adapter",
            paramLabel = "NAME=DIR",
            converter = NamedFolder.Converter.class,
            description = "An adapter and its PEFT folder; may be repeated.")
    private List<NamedFolder> adapters = new ArrayList<>();

    @Option(
            names = "--use",
            paramLabel = "NAME",
            description = "The adapter to use. Default: the first one named; the base model when there is none.")
    private Optional<String> use = Optional.empty();

    @Option(
            names = "--boundary",
            paramLabel = "LAYERS",
            description = "Use the adapter in this many of the lowest layers. Default: all.")
    private Optional<Integer> boundary = Optional.empty();

    @ArgGroup(multiplicity = "1")
    private PromptSource source;

    @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "128", description = "Default: ${DEFAULT-VALUE}.")
    private int maxTokens;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            defaultValue = "0",
            description = "0 takes the most likely token. Default: ${DEFAULT-VALUE}.")
    private double temperature;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            defaultValue = "1",
            description = "Keep the most likely tokens up to this probability. Default: ${DEFAULT-VALUE}.")
    private double topP;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "Makes random choices repeatable. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            converter = LineBreaks.class,
            description = "Text that ends the answer; may be repeated.")
    private List<String> stop = new ArrayList<>();

    @Override
    public Integer call() {
        Outcome outcome;
        try (LocalModel local = model.open()) {
            adapters.forEach(adapter -> local.adapters().load(adapter.name(), adapter.folder()));
            GenerationRequest request = request(local.language(), adapter(local.adapters()));
            outcome = new LocalGeneration(local.language(), spec.commandLine().getOut()).run(request);
        }
        if (outcome instanceof Failure failure) {
            throw new CommandFailed(failure.code() + ": " + failure.message());
        }
        spec.commandLine().getErr().println(summary((Completion) outcome));
        return 0;
    }

    private Optional<LoraWeights> adapter(AdapterStore store) {
        return use.or(() -> adapters.stream().findFirst().map(NamedFolder::name))
                .map(name -> store.find(name)
                        .orElseThrow(() -> new CommandFailed(
                                "no adapter '" + name + "' among " + store.ids() + "; name it with --adapter NAME=DIR"))
                        .weights());
    }

    private GenerationRequest request(LanguageModel language, Optional<LoraWeights> adapter) {
        model.requireBoundaries(language, boundary.stream().toList());
        return new GenerationRequest(
                "generate",
                source.tokens(language),
                new GenerationParams(
                        StopConditions.after(maxTokens).withStop(stop),
                        SamplingParams.at(temperature).withTopP(topP),
                        seed,
                        1,
                        OptionalInt.empty()),
                adapter,
                new Boundary(boundary.orElse(language.config().numLayers())));
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
}
