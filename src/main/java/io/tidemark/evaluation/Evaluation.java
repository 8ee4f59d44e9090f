package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.curve.BoundaryCurve;
import io.tidemark.calibration.curve.CurveChoice;
import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.OfflineDecision;
import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.ExampleBatch;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.TeacherForcing;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.EvaluationReport.EvaluatedSetting;
import io.tidemark.generation.Completion;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.generation.StopConditions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * Evaluates one adapter on held-out examples: full LoRA, the boundaries that are chosen from the curve of the
 * validation examples, half of the layers, LoRA in all layers with a smaller or larger scale, and the base model.
 *
 * <p>Generated texts and their speed come from the generation engine that the worker uses.
 */
public final class Evaluation {

    private static final String FULL = "full LoRA";
    private static final String BASE = "base model";
    private static final int PREFILL_TOKENS = 512;
    private static final long KV_BYTES = 4L << 30;

    private final LanguageModel model;
    private final LoraWeights lora;
    private final List<ScaledLora> scaled;
    private final EvaluationOptions options;
    private final ProgressListener progress;

    /** Receives each part of the evaluation that is done, on the calling thread. */
    @FunctionalInterface
    public interface ProgressListener {

        /** @param part the part that is done, such as {@code texts generated, boundary 8} */
        void onPart(int done, int parts, String part);
    }

    /**
     * The adapter with the scale of all its LoRA multiplied.
     *
     * @param scale   the factor, above 0
     * @param weights open until the evaluation ends
     */
    public record ScaledLora(double scale, LoraWeights weights) {}

    /**
     * What is measured. Settings with equal variants share their measurements.
     *
     * @param lora     empty for the base model
     * @param boundary all layers for the base model
     * @param scale    the factor of the adapter's scale, 1 for the adapter as it is and for the base model
     */
    private record Variant(Optional<LoraWeights> lora, Boundary boundary, double scale) {

        @Override
        public String toString() {
            if (lora.isEmpty()) {
                return "base model";
            }
            return scale == 1 ? "boundary " + boundary.layers() : "scale " + scale;
        }
    }

    /** @param name see {@link EvaluatedSetting#setting} */
    private record Setting(String name, Variant variant) {}

    /**
     * Measurements by variant.
     *
     * @param validation mean log-likelihood per gold token of the validation examples, nats
     */
    private record Measured(
            Map<Variant, Double> validation,
            Map<Variant, List<Double>> likelihoods,
            Map<Variant, TextScores> texts,
            Map<Variant, BatchSpeed> speeds) {

        Measured() {
            this(new HashMap<>(), new HashMap<>(), new HashMap<>(), new HashMap<>());
        }
    }

    /** @param scaled further variants of the same adapter, with LoRA in all layers */
    public Evaluation(
            LanguageModel model,
            LoraWeights lora,
            List<ScaledLora> scaled,
            EvaluationOptions options,
            ProgressListener progress) {
        this.model = model;
        this.lora = lora;
        this.scaled = List.copyOf(scaled);
        this.options = options;
        this.progress = progress;
    }

    /**
     * Runs the whole evaluation.
     *
     * @param validation examples on which boundaries are chosen
     * @param test       other examples, which are scored
     * @param rule       decides on the validation examples as a calibrator would
     * @throws EvaluationException when a request is refused or fails
     */
    public EvaluationReport run(List<TokenizedExample> validation, List<LabelledExample> test, BoundaryRule rule) {
        List<ExampleScore> scores = new BoundarySweep(model, SweepLimits.DEFAULT).scores(lora, validation);
        BoundaryCurve curve =
                CurveStatistics.empty(model.config().numLayers()).plus(scores).curve();
        List<Setting> settings = settings(curve);
        Set<Variant> variants =
                new LinkedHashSet<>(settings.stream().map(Setting::variant).toList());
        int parts = 1 + variants.size() * 2 + (options.speedRuns() > 0 ? 1 : 0);
        int done = 1;
        progress.onPart(done, parts, "boundaries chosen on " + validation.size() + " validation examples");

        Measured measured = new Measured();
        List<ExampleBatch> chosenOn = ExampleBatch.of(validation, TeacherForcing.ROWS_PER_CALL);
        List<ExampleBatch> batches =
                ExampleBatch.of(test.stream().map(LabelledExample::tokens).toList(), TeacherForcing.ROWS_PER_CALL);
        for (Variant variant : variants) {
            measured.validation().put(variant, validationMean(variant, curve, chosenOn));
            measured.likelihoods().put(variant, score(variant, batches));
            progress.onPart(++done, parts, "gold texts scored, " + variant);
        }
        List<LabelledExample> generated = test.subList(0, Math.min(options.generated(), test.size()));
        generate(variants, generated, measured, done, parts);
        boolean answers = TextScores.haveAnswers(generated);
        return new EvaluationReport(
                curve.numLayers(),
                validation.size(),
                curve.means(),
                OfflineDecision.of(rule, validation, scores).written(),
                test.size(),
                generated.size(),
                options.grammar().isPresent(),
                settings.stream()
                        .map(setting -> row(setting, measured, adapted(curve.full()), answers))
                        .toList());
    }

    private List<Setting> settings(BoundaryCurve curve) {
        List<Setting> settings = new ArrayList<>();
        settings.add(new Setting(FULL, adapted(curve.full())));
        for (CurveChoice choice : CurveChoice.values()) {
            settings.add(new Setting(choice.written(), adapted(choice.of(curve))));
        }
        settings.add(new Setting("half", adapted(new Boundary(curve.numLayers() / 2))));
        options.further().forEach(boundary -> settings.add(new Setting("given", adapted(boundary))));
        scaled.forEach(each -> settings.add(new Setting(
                "scale " + each.scale(), new Variant(Optional.of(each.weights()), curve.full(), each.scale()))));
        settings.add(new Setting(BASE, new Variant(Optional.empty(), curve.full(), 1)));
        return settings;
    }

    private Variant adapted(Boundary boundary) {
        return new Variant(Optional.of(lora), boundary, 1);
    }

    private List<Double> score(Variant variant, List<ExampleBatch> batches) {
        return GoldLikelihood.score(model, variant.lora(), batches, variant.boundary());
    }

    /** The curve has the values of the adapter as it is; the others are computed. */
    private double validationMean(Variant variant, BoundaryCurve curve, List<ExampleBatch> validation) {
        return variant.lora().equals(Optional.of(lora))
                ? curve.means().get(variant.boundary().layers())
                : mean(score(variant, validation));
    }

    private void generate(
            Set<Variant> variants, List<LabelledExample> examples, Measured measured, int doneBefore, int parts) {
        List<List<Integer>> prompts =
                examples.stream().map(example -> example.tokens().prompt()).toList();
        GenerationParams free = GenerationParams.greedy(
                StopConditions.after(options.maxTokens()).withStop(options.stop()));
        GenerationParams params = options.grammar().map(free::withGrammar).orElse(free);
        int done = doneBefore;
        try (GenerationEngine engine =
                GenerationEngine.start(model, new EngineLimits(options.rows(), PREFILL_TOKENS, KV_BYTES))) {
            for (Variant variant : variants) {
                measured.texts().put(variant, TextScores.of(complete(engine, variant, prompts, params), examples));
                progress.onPart(++done, parts, "texts generated, " + variant);
            }
            if (options.speedRuns() > 0) {
                List<List<Integer>> timed = prompts.subList(0, Math.min(options.rows(), prompts.size()));
                measured.speeds().putAll(speeds(engine, variants, timed));
                progress.onPart(++done, parts, "speed measured");
            }
        }
    }

    /**
     * The speed of each variant. All runs use the same prompts and generate the same number of tokens. The variants
     * alternate; the first round is a warm-up and is not counted.
     */
    private Map<Variant, BatchSpeed> speeds(
            GenerationEngine engine, Set<Variant> variants, List<List<Integer>> prompts) {
        Map<Variant, BatchSpeed> speeds = new HashMap<>();
        for (int run = 0; run <= options.speedRuns(); run++) {
            for (Variant variant : variants) {
                double firstToken = seconds(engine, variant, prompts, 1);
                double allTokens = seconds(engine, variant, prompts, options.speedTokens());
                if (run > 0) {
                    speeds.computeIfAbsent(variant, key -> new BatchSpeed(prompts.size(), options.speedTokens()))
                            .add(firstToken, allTokens);
                }
            }
        }
        return speeds;
    }

    private double seconds(GenerationEngine engine, Variant variant, List<List<Integer>> prompts, int tokens) {
        long start = System.nanoTime();
        complete(engine, variant, prompts, GenerationParams.greedy(StopConditions.afterExactly(tokens)));
        return (System.nanoTime() - start) / 1e9;
    }

    /** Submits all prompts at once; returns one choice per prompt, in their order. */
    private List<Completion.GeneratedChoice> complete(
            GenerationEngine engine, Variant variant, List<List<Integer>> prompts, GenerationParams params) {
        List<CompletableFuture<Outcome>> outcomes = new ArrayList<>();
        for (List<Integer> prompt : prompts) {
            EngineRequest request = new EngineRequest(
                    "evaluate-" + outcomes.size(), prompt, params, variant.lora(), variant.boundary());
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

    private static Completion.GeneratedChoice choice(Outcome outcome) {
        if (outcome instanceof Outcome.Failure failure) {
            throw new EvaluationException(failure.id() + ": " + failure.message());
        }
        return ((Completion) outcome).choices().get(0);
    }

    private static EvaluatedSetting row(Setting setting, Measured measured, Variant full, boolean answers) {
        Variant variant = setting.variant();
        boolean adapted = variant.lora().isPresent();
        List<Double> likelihoods = measured.likelihoods().get(variant);
        TextScores texts = measured.texts().get(variant);
        OptionalDouble mean = OptionalDouble.of(texts.mean());
        Optional<BatchSpeed> speed = Optional.ofNullable(measured.speeds().get(variant));
        boolean compared = !setting.name().equals(FULL);
        return new EvaluatedSetting(
                setting.name(),
                adapted ? OptionalInt.of(variant.boundary().layers()) : OptionalInt.empty(),
                adapted ? OptionalDouble.of(variant.scale()) : OptionalDouble.empty(),
                measured.validation().get(variant),
                mean(likelihoods),
                compared
                        ? Optional.of(PairedDifference.of(
                                likelihoods, measured.likelihoods().get(full)))
                        : Optional.empty(),
                answers ? OptionalDouble.empty() : mean,
                texts.corpusBleu(),
                answers ? mean : OptionalDouble.empty(),
                compared
                        ? Optional.of(PairedDifference.of(
                                texts.each(), measured.texts().get(full).each()))
                        : Optional.empty(),
                texts.texts(),
                texts.meanTokens(),
                optional(speed.map(measure -> measure.secondsPerText(texts.meanTokens()))),
                optional(speed.map(BatchSpeed::tokensPerSecond)));
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }

    private static OptionalDouble optional(Optional<Double> value) {
        return value.map(OptionalDouble::of).orElseGet(OptionalDouble::empty);
    }
}
