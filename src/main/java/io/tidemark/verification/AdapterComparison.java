package io.tidemark.verification;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.curve.BoundaryCurve;
import io.tidemark.calibration.curve.CurveChoice;
import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.OfflineDecision;
import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.generation.Completion;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.RequestRejectedException;
import io.tidemark.generation.StopConditions;
import io.tidemark.verification.Agreement.Count;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;

/**
 * Compares one loaded adapter with its reference: tokenizer and chat template, logits, greedy generation through the
 * generation engine, and the boundary sweep with its decisions.
 */
final class AdapterComparison {

    private static final EngineLimits GREEDY_LIMITS = new EngineLimits(16, 256, 1L << 30);

    private final LanguageModel model;
    private final LoraWeights lora;
    private final Reference reference;

    AdapterComparison(LanguageModel model, LoraWeights lora, Reference reference) {
        this.model = model;
        this.lora = lora;
        this.reference = reference;
    }

    Agreement run() {
        List<TokenizedExample> examples = examples();
        List<ExampleScore> scores = new BoundarySweep(model, SweepLimits.DEFAULT).scores(lora, examples);
        BoundaryRule rule = BoundaryRule.ofDefaults(model.config().numLayers());
        return new Agreement(
                logitError(),
                likelihoodError(scores),
                Count.of(tokenizer()),
                Count.of(greedy()),
                Count.of(boundaries(scores)),
                OfflineDecision.of(rule, examples, scores).written());
    }

    /** All boundaries of a prompt run as rows of one step. */
    private OptionalDouble logitError() {
        double worst = 0;
        int compared = 0;
        for (Reference.Prompt prompt : reference.prompts()) {
            List<Boundary> boundaries = List.copyOf(prompt.logits().keySet());
            if (!boundaries.isEmpty()) {
                List<float[]> rows = logits(prompt.ids(), boundaries);
                for (int i = 0; i < rows.size(); i++) {
                    worst = Math.max(
                            worst,
                            largestDifference(rows.get(i), prompt.logits().get(boundaries.get(i))));
                    compared++;
                }
            }
        }
        return compared == 0 ? OptionalDouble.empty() : OptionalDouble.of(worst);
    }

    private List<float[]> logits(List<Integer> prompt, List<Boundary> boundaries) {
        try (KvPool pool = new KvPool(model.decoder().kvCache(), Long.MAX_VALUE)) {
            List<StepRow> rows = new ArrayList<>();
            for (Boundary boundary : boundaries) {
                KvSlot slot = pool.reserve(prompt.size()).orElseThrow();
                rows.add(
                        new StepRow(slot, prompt, 0, Optional.of(lora), boundary, Optional.of(TokenSampling.greedy())));
            }
            return model.decoder().logits(rows);
        }
    }

    private static double largestDifference(float[] actual, float[] expected) {
        double largest = actual.length == expected.length ? 0 : Double.POSITIVE_INFINITY;
        for (int i = 0; i < Math.min(actual.length, expected.length); i++) {
            largest = Math.max(largest, Math.abs(actual[i] - (double) expected[i]));
        }
        return largest;
    }

    /** Runs every prompt at every boundary of the reference in one engine; returns whether each continuation agrees. */
    private List<Boolean> greedy() {
        List<CompletableFuture<Boolean>> runs = new ArrayList<>();
        try (GenerationEngine engine = GenerationEngine.start(model, GREEDY_LIMITS)) {
            for (Reference.Prompt prompt : reference.prompts()) {
                prompt.greedy()
                        .forEach((boundary, expected) -> runs.add(tokens(
                                        engine,
                                        new EngineRequest(
                                                "verify-" + runs.size(),
                                                prompt.ids(),
                                                GenerationParams.greedy(StopConditions.after(expected.size())),
                                                Optional.of(lora),
                                                boundary))
                                .thenApply(expected::equals)));
            }
            return runs.stream().map(CompletableFuture::join).toList();
        }
    }

    /** An empty list if the request is refused or fails. */
    private static CompletableFuture<List<Integer>> tokens(GenerationEngine engine, EngineRequest request) {
        try {
            return engine.submit(request)
                    .thenApply(outcome ->
                            outcome instanceof Completion c ? c.choices().get(0).tokens() : List.of());
        } catch (RequestRejectedException e) {
            return CompletableFuture.completedFuture(List.of());
        }
    }

    private List<TokenizedExample> examples() {
        return reference.pairs().stream()
                .map(pair -> new TokenizedExample(model.tokenizer().encodePrompt(pair.prompt()), pair.completionIds()))
                .toList();
    }

    private double likelihoodError(List<ExampleScore> scores) {
        double worst = 0;
        for (int i = 0; i < scores.size(); i++) {
            List<Double> expected = reference.pairs().get(i).logprobs();
            if (expected.size() != scores.get(i).meanLogprobByBoundary().size()) {
                return Double.POSITIVE_INFINITY;
            }
            int tokens = scores.get(i).completionTokens();
            for (int b = 0; b < expected.size(); b++) {
                worst = Math.max(
                        worst, Math.abs(scores.get(i).meanLogprobByBoundary().get(b) - expected.get(b) / tokens));
            }
        }
        return worst;
    }

    private List<Boolean> boundaries(List<ExampleScore> scores) {
        BoundaryCurve curve =
                CurveStatistics.empty(model.config().numLayers()).plus(scores).curve();
        return List.of(
                CurveChoice.BEST.of(curve).layers() == reference.choices().best(),
                CurveChoice.ONE_STANDARD_ERROR.of(curve).layers()
                        == reference.choices().oneStandardError(),
                CurveChoice.NO_WORSE_THAN_FULL.of(curve).layers()
                        == reference.choices().noWorseThanFull());
    }

    private List<Boolean> tokenizer() {
        List<Boolean> agreed = new ArrayList<>();
        reference
                .prompts()
                .forEach(
                        p -> agreed.add(model.tokenizer().encodePrompt(p.text()).equals(p.ids())));
        for (Reference.Pair pair : reference.pairs()) {
            List<Integer> gold = pair.completionIds();
            boolean ended = model.config().endOfSequence().contains(gold.get(gold.size() - 1));
            agreed.add(
                    ended && model.tokenizer().encodePlain(pair.completion()).equals(gold.subList(0, gold.size() - 1)));
        }
        reference
                .conversations()
                .forEach(c -> agreed.add(
                        model.chatTemplate().render(c.messages(), c.tools()).equals(c.rendered())));
        return agreed;
    }
}
