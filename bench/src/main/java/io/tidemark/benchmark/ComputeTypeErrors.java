package io.tidemark.benchmark;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.evaluation.PairedDifference;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Compares the next-token distributions of two compute types on gold completions with full LoRA. Both models process
 * the prompt in one step and the completion token by token, as in generation.
 */
public final class ComputeTypeErrors {

    private final AdaptedModel reference;
    private final AdaptedModel candidate;
    private final List<Double> referenceGold = new ArrayList<>();
    private final List<Double> candidateGold = new ArrayList<>();
    private double divergence;
    private int agreed;
    private int tokens;

    /** A loaded model and an adapter that was loaded for it. */
    public record AdaptedModel(LanguageModel model, LoraWeights lora) {}

    /**
     * @param divergence KL(reference | candidate) per token, in nats
     * @param agreement  share of tokens for which both have the same most likely token
     * @param gold       difference of the examples' log-likelihoods, candidate minus reference, in nats per gold token
     */
    public record Errors(double divergence, double agreement, PairedDifference gold) {}

    public ComputeTypeErrors(AdaptedModel reference, AdaptedModel candidate) {
        this.reference = reference;
        this.candidate = candidate;
    }

    /** Adds examples; returns the errors over all examples so far, which are two or more. */
    public Errors compare(List<TokenizedExample> examples) {
        try (KvPool referencePool = new KvPool(reference.model().decoder().kvCache(), Long.MAX_VALUE);
                KvPool candidatePool = new KvPool(candidate.model().decoder().kvCache(), Long.MAX_VALUE)) {
            for (TokenizedExample example : examples) {
                compare(example, referencePool, candidatePool);
            }
        }
        return new Errors(
                divergence / tokens, (double) agreed / tokens, PairedDifference.of(candidateGold, referenceGold));
    }

    private void compare(TokenizedExample example, KvPool referencePool, KvPool candidatePool) {
        KvSlot referenceSlot = referencePool.reserve(example.tokens()).orElseThrow();
        KvSlot candidateSlot = candidatePool.reserve(example.tokens()).orElseThrow();
        List<Integer> next = new ArrayList<>(example.prompt());
        int position = 0;
        double referenceSum = 0;
        double candidateSum = 0;
        for (int gold : example.completion()) {
            double[] p = logProbabilities(reference, referenceSlot, next, position);
            double[] q = logProbabilities(candidate, candidateSlot, next, position);
            add(p, q);
            referenceSum += p[gold];
            candidateSum += q[gold];
            position += next.size();
            next = List.of(gold);
        }
        referenceGold.add(referenceSum / example.completion().size());
        candidateGold.add(candidateSum / example.completion().size());
        referencePool.release(referenceSlot);
        candidatePool.release(candidateSlot);
    }

    private void add(double[] p, double[] q) {
        int best = 0;
        int otherBest = 0;
        for (int i = 0; i < p.length; i++) {
            divergence += Math.exp(p[i]) * (p[i] - q[i]);
            best = p[i] > p[best] ? i : best;
            otherBest = q[i] > q[otherBest] ? i : otherBest;
        }
        agreed += best == otherBest ? 1 : 0;
        tokens++;
    }

    private static double[] logProbabilities(AdaptedModel adapted, KvSlot slot, List<Integer> tokens, int position) {
        StepRow row = new StepRow(
                slot,
                tokens,
                position,
                Optional.of(adapted.lora()),
                Boundary.full(adapted.model().config().numLayers()),
                Optional.of(TokenSampling.greedy()));
        float[] logits = adapted.model().decoder().logits(List.of(row)).get(0);
        double largest = Double.NEGATIVE_INFINITY;
        for (float logit : logits) {
            largest = Math.max(largest, logit);
        }
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit - largest);
        }
        double[] logProbabilities = new double[logits.length];
        for (int i = 0; i < logits.length; i++) {
            logProbabilities[i] = logits[i] - largest - Math.log(sum);
        }
        return logProbabilities;
    }
}
