package io.tidemark.verification;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.BoundaryCurve;
import io.tidemark.calibration.BoundarySweep;
import io.tidemark.calibration.CurveStatistics;
import io.tidemark.calibration.ExampleScore;
import io.tidemark.calibration.Objective;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.SweepRun;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.TokenRule;
import io.tidemark.verification.Agreement.Count;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/** Holds one loaded adapter against its reference, along the paths that production takes. */
final class AdapterComparison {

    private final LanguageModel model;
    private final LoraWeights lora;
    private final Reference reference;

    AdapterComparison(LanguageModel model, LoraWeights lora, Reference reference) {
        this.model = model;
        this.lora = lora;
        this.reference = reference;
    }

    Agreement run() {
        List<ExampleScore> scores = sweep();
        return new Agreement(
                logitError(),
                likelihoodError(scores),
                Count.of(tokenizer()),
                Count.of(GreedyRuns.compare(model, lora, reference)),
                Count.of(boundaries(scores)));
    }

    /** All boundaries of a prompt are rows of one step. */
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
        try (KvPool pool = new KvPool(model.decoder(), Long.MAX_VALUE)) {
            List<StepRow> rows = new ArrayList<>();
            for (Boundary boundary : boundaries) {
                KvSlot slot = pool.reserve(prompt.size()).orElseThrow();
                rows.add(new StepRow(
                        slot, prompt, 0, Optional.of(lora), boundary.layers(), Optional.of(TokenRule.GREEDY)));
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

    private List<ExampleScore> sweep() {
        List<TokenizedExample> examples = reference.pairs().stream()
                .map(pair -> new TokenizedExample(model.tokenizer().encodePrompt(pair.prompt()), pair.completionIds()))
                .toList();
        try (SweepRun run = new BoundarySweep(model, SweepLimits.DEFAULT).start(lora, examples)) {
            return run.finish();
        }
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
                new Objective.Quality().choose(curve).layers()
                        == reference.choices().quality(),
                new Objective.Balanced().choose(curve).layers()
                        == reference.choices().balanced(),
                new Objective.Latency().choose(curve).layers()
                        == reference.choices().latency());
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
