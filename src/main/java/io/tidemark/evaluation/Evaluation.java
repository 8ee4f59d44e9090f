package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.BoundaryCurve;
import io.tidemark.calibration.BoundarySweep;
import io.tidemark.calibration.ExampleBatch;
import io.tidemark.calibration.Objective;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.EvaluationReport.Row;
import io.tidemark.generation.Completion;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.generation.StopConditions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * Evaluates one adapter at several boundaries on held-out examples: full LoRA, the choice of each objective on the
 * validation examples, half of the layers, and the base model.
 *
 * <p>Generated texts and their speed come from the generation engine that the worker uses.
 */
public final class Evaluation {

    static final List<Objective> OBJECTIVES =
            List.of(new Objective.Quality(), new Objective.Balanced(), new Objective.Latency());

    private static final String FULL = "full LoRA";
    private static final int PREFILL_TOKENS = 512;
    private static final long KV_BYTES = 4L << 30;

    private final LanguageModel model;
    private final LoraWeights lora;
    private final EvaluationOptions options;
    private final Progress progress;

    /** Called on the calling thread after each part of the evaluation. */
    @FunctionalInterface
    public interface Progress {

        /** @param part the part that is done, such as {@code texts generated, boundary 8} */
        void onPart(int done, int parts, String part);
    }

    /**
     * @param name     the reason for the boundary: {@code full LoRA}, an objective, {@code half}, {@code base model}
     * @param boundary empty for the base model without the adapter
     */
    private record Setting(String name, Optional<Boundary> boundary) {}

    /** Measurements by boundary. */
    private record Measured(
            Map<Optional<Boundary>, List<Double>> likelihoods,
            Map<Optional<Boundary>, TextScores> texts,
            Map<Optional<Boundary>, Double> speeds) {

        Measured() {
            this(new HashMap<>(), new HashMap<>(), new HashMap<>());
        }
    }

    public Evaluation(LanguageModel model, LoraWeights lora, EvaluationOptions options, Progress progress) {
        this.model = model;
        this.lora = lora;
        this.options = options;
        this.progress = progress;
    }

    /**
     * Runs the whole evaluation.
     *
     * @param validation examples on which the objectives choose their boundaries
     * @param test       other examples, which are scored
     * @throws EvaluationException when a request is refused or fails
     */
    public EvaluationReport run(List<TokenizedExample> validation, List<LabelledExample> test) {
        BoundaryCurve curve = new BoundarySweep(model, SweepLimits.DEFAULT).curve(lora, validation);
        List<Setting> settings = settings(curve);
        Set<Optional<Boundary>> boundaries =
                new LinkedHashSet<>(settings.stream().map(Setting::boundary).toList());
        int parts = 1 + boundaries.size() * 2 + (options.speedRuns() > 0 ? 1 : 0);
        int done = 1;
        progress.onPart(done, parts, "boundaries chosen on " + validation.size() + " validation examples");

        Measured measured = new Measured();
        List<ExampleBatch> batches = ExampleBatch.of(
                test.stream().map(LabelledExample::tokens).toList(), SweepLimits.DEFAULT.tokensPerBatch());
        for (Optional<Boundary> boundary : boundaries) {
            measured.likelihoods().put(boundary, GoldLikelihood.score(model, lora, batches, boundary));
            progress.onPart(++done, parts, "gold texts scored, " + name(boundary));
        }
        List<LabelledExample> generated = test.subList(0, Math.min(options.generated(), test.size()));
        generate(boundaries, generated, measured, done, parts);
        boolean answers = TextScores.haveAnswers(generated);
        return new EvaluationReport(
                curve.numLayers(),
                validation.size(),
                curve.means(),
                test.size(),
                generated.size(),
                settings.stream()
                        .map(setting -> row(setting, measured, new Boundary(curve.numLayers()), answers))
                        .toList());
    }

    private List<Setting> settings(BoundaryCurve curve) {
        List<Setting> settings = new ArrayList<>();
        settings.add(new Setting(FULL, Optional.of(curve.full())));
        for (Objective objective : OBJECTIVES) {
            settings.add(new Setting(objective.written(), Optional.of(objective.choose(curve))));
        }
        settings.add(new Setting("half", Optional.of(new Boundary(curve.numLayers() / 2))));
        options.further().forEach(boundary -> settings.add(new Setting("given", Optional.of(boundary))));
        settings.add(new Setting("base model", Optional.empty()));
        return settings;
    }

    private void generate(
            Set<Optional<Boundary>> boundaries,
            List<LabelledExample> examples,
            Measured measured,
            int doneBefore,
            int parts) {
        List<List<Integer>> prompts =
                examples.stream().map(example -> example.tokens().prompt()).toList();
        StopConditions stop = StopConditions.after(options.maxTokens()).withStop(options.stop());
        int done = doneBefore;
        try (GenerationEngine engine =
                GenerationEngine.start(model, new EngineLimits(options.rows(), PREFILL_TOKENS, KV_BYTES))) {
            for (Optional<Boundary> boundary : boundaries) {
                List<Completion.Choice> choices = complete(engine, boundary, prompts, stop);
                double tokens = choices.stream()
                        .mapToInt(choice -> choice.tokens().size())
                        .average()
                        .orElseThrow();
                List<String> texts =
                        choices.stream().map(Completion.Choice::text).toList();
                measured.texts().put(boundary, TextScores.of(texts, examples, tokens));
                progress.onPart(++done, parts, "texts generated, " + name(boundary));
            }
            if (options.speedRuns() > 0) {
                List<List<Integer>> timed = prompts.subList(0, Math.min(options.rows(), prompts.size()));
                measured.speeds().putAll(speeds(engine, boundaries, timed));
                progress.onPart(++done, parts, "speed measured");
            }
        }
    }

    /**
     * The median of generated tokens per second, prompts included, for each boundary. All runs use the same prompts and
     * generate the same number of tokens. The boundaries alternate; the first round is a warm-up and is not counted.
     */
    private Map<Optional<Boundary>, Double> speeds(
            GenerationEngine engine, Set<Optional<Boundary>> boundaries, List<List<Integer>> prompts) {
        StopConditions stop = StopConditions.afterExactly(options.speedTokens());
        Map<Optional<Boundary>, List<Double>> runs = new LinkedHashMap<>();
        for (int run = 0; run <= options.speedRuns(); run++) {
            for (Optional<Boundary> boundary : boundaries) {
                long start = System.nanoTime();
                complete(engine, boundary, prompts, stop);
                double seconds = (System.nanoTime() - start) / 1e9;
                if (run > 0) {
                    runs.computeIfAbsent(boundary, key -> new ArrayList<>())
                            .add(prompts.size() * (long) options.speedTokens() / seconds);
                }
            }
        }
        Map<Optional<Boundary>, Double> medians = new HashMap<>();
        runs.forEach(
                (boundary, speeds) -> medians.put(boundary, Spread.of(speeds).median()));
        return medians;
    }

    /** Submits all prompts at once with greedy sampling; returns one choice per prompt, in their order. */
    private List<Completion.Choice> complete(
            GenerationEngine engine,
            Optional<Boundary> boundary,
            List<List<Integer>> prompts,
            StopConditions stopConditions) {
        List<CompletableFuture<Outcome>> outcomes = new ArrayList<>();
        for (List<Integer> prompt : prompts) {
            GenerationRequest request = new GenerationRequest(
                    "evaluate-" + outcomes.size(),
                    prompt,
                    GenerationParams.greedy(stopConditions),
                    boundary.map(b -> lora),
                    boundary.orElse(Boundary.full(model.config().numLayers())));
            try {
                outcomes.add(engine.submit(request));
            } catch (RequestRejectedException e) {
                throw new EvaluationException(request.id() + ": " + e.getMessage());
            }
        }
        return outcomes.stream()
                .map(CompletableFuture::join)
                .map(Evaluation::choice)
                .toList();
    }

    private static Completion.Choice choice(Outcome outcome) {
        if (outcome instanceof Outcome.Failure failure) {
            throw new EvaluationException(failure.id() + ": " + failure.message());
        }
        return ((Completion) outcome).choices().get(0);
    }

    private static Row row(Setting setting, Measured measured, Boundary full, boolean answers) {
        Optional<Boundary> boundary = setting.boundary();
        List<Double> likelihoods = measured.likelihoods().get(boundary);
        TextScores texts = measured.texts().get(boundary);
        OptionalDouble mean = OptionalDouble.of(texts.mean());
        Optional<Boundary> reference = Optional.of(full);
        boolean compared = !setting.name().equals(FULL);
        return new Row(
                setting.name(),
                boundary.map(b -> OptionalInt.of(b.layers())).orElse(OptionalInt.empty()),
                likelihoods.stream().mapToDouble(Double::doubleValue).average().orElseThrow(),
                compared
                        ? Optional.of(PairedDifference.of(
                                likelihoods, measured.likelihoods().get(reference)))
                        : Optional.empty(),
                answers ? OptionalDouble.empty() : mean,
                texts.corpusBleu(),
                answers ? mean : OptionalDouble.empty(),
                compared
                        ? Optional.of(PairedDifference.of(
                                texts.each(), measured.texts().get(reference).each()))
                        : Optional.empty(),
                texts.meanTokens(),
                measured.speeds().containsKey(boundary)
                        ? OptionalDouble.of(measured.speeds().get(boundary))
                        : OptionalDouble.empty());
    }

    private static String name(Optional<Boundary> boundary) {
        return boundary.map(b -> "boundary " + b.layers()).orElse("base model");
    }
}
