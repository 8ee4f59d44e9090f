package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.BoundaryCurve;
import io.tidemark.calibration.BoundarySweep;
import io.tidemark.calibration.Objective;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.generation.Completion;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.StopConditions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Runs one adapter at several boundaries over examples that had no part in choosing them: full LoRA, what each objective
 * chooses on the validation examples, half of the layers, and the base model.
 */
public final class Evaluation {

    private static final int PREFILL_TOKENS = 512;
    private static final long KV_BYTES = 4L << 30;

    private final LanguageModel model;
    private final LoraWeights lora;
    private final EvaluationOptions options;
    private final Consumer<String> progress;

    /** @param progress hears a line after each part */
    public Evaluation(LanguageModel model, LoraWeights lora, EvaluationOptions options, Consumer<String> progress) {
        this.model = model;
        this.lora = lora;
        this.options = options;
        this.progress = progress;
    }

    /** @throws EvaluationFailed when a text can't be generated, naming the request */
    public EvaluationReport run(List<TokenizedExample> validation, List<GoldText> test) {
        BoundaryCurve curve = curve(validation);
        List<Setting> settings = settings(curve);
        Set<Optional<Boundary>> distinct =
                new LinkedHashSet<>(settings.stream().map(Setting::boundary).toList());
        GoldScores gold =
                new GoldScores(model, lora, test.stream().map(GoldText::tokens).toList());
        Map<Optional<Boundary>, List<Double>> likelihoods = new HashMap<>();
        for (Optional<Boundary> boundary : distinct) {
            likelihoods.put(boundary, gold.at(boundary));
            progress.accept("gold texts scored, " + named(boundary));
        }
        List<GoldText> asked = test.subList(0, Math.min(options.generated(), test.size()));
        Map<Optional<Boundary>, Texts> texts = new HashMap<>();
        Map<Optional<Boundary>, Double> speeds = generate(distinct, asked, texts);
        ReportRows rows = new ReportRows(likelihoods, texts, speeds, TextScores.asksForAnswers(asked));
        return new EvaluationReport(
                curve.numLayers(),
                validation.size(),
                curve.means(),
                test.size(),
                asked.size(),
                settings.stream().map(rows::of).toList());
    }

    private BoundaryCurve curve(List<TokenizedExample> validation) {
        BoundaryCurve curve = new BoundarySweep(model, SweepLimits.DEFAULT).curve(lora, validation);
        progress.accept("boundaries chosen on " + validation.size() + " validation examples");
        return curve;
    }

    private List<Setting> settings(BoundaryCurve curve) {
        List<Setting> settings = new ArrayList<>();
        settings.add(Setting.at(Setting.FULL, curve.full()));
        for (Objective objective : Setting.OBJECTIVES) {
            settings.add(Setting.at(objective.written(), objective.choose(curve)));
        }
        settings.add(Setting.at("half", new Boundary(curve.numLayers() / 2)));
        options.further().forEach(boundary -> settings.add(Setting.at("given", boundary)));
        settings.add(Setting.baseModel());
        return settings;
    }

    private Map<Optional<Boundary>, Double> generate(
            Set<Optional<Boundary>> boundaries, List<GoldText> asked, Map<Optional<Boundary>, Texts> texts) {
        List<List<Integer>> prompts =
                asked.stream().map(example -> example.tokens().prompt()).toList();
        StopConditions stopConditions =
                StopConditions.after(options.maxTokens()).withStop(options.stop());
        try (GenerationEngine engine =
                GenerationEngine.start(model, new EngineLimits(options.rows(), PREFILL_TOKENS, KV_BYTES))) {
            Generator generator = new Generator(engine, model, lora);
            for (Optional<Boundary> boundary : boundaries) {
                List<Completion.Choice> choices = generator.run(boundary, prompts, stopConditions);
                double tokens = choices.stream()
                        .mapToInt(choice -> choice.tokens().size())
                        .average()
                        .orElseThrow();
                texts.put(
                        boundary,
                        new Texts(
                                TextScores.of(
                                        choices.stream()
                                                .map(Completion.Choice::text)
                                                .toList(),
                                        asked),
                                tokens));
                progress.accept("texts generated, " + named(boundary));
            }
            List<List<Integer>> timed = prompts.subList(0, Math.min(options.rows(), prompts.size()));
            return options.speedRuns() == 0 ? Map.of() : Speeds.measure(generator, boundaries, timed, options);
        }
    }

    private static String named(Optional<Boundary> boundary) {
        return boundary.map(b -> "boundary " + b.layers()).orElse("base model");
    }
}
