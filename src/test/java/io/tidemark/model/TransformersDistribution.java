package io.tidemark.model;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** What transformers' logits processors make of logits, step by step in the order that {@code generate} has them. */
record TransformersDistribution(float[] logits, Set<Integer> seen) {

    /** Repetition penalty, temperature, top-k, top-p, min-p, softmax. */
    double[] probabilities(Sampling sampling) {
        double[] scores = penalised(sampling.repetitionPenalty());
        for (int i = 0; i < scores.length; i++) {
            scores[i] /= sampling.temperature();
        }
        if (sampling.topK() > 0) {
            List<Integer> order = descending(scores);
            order.subList(Math.min(sampling.topK(), order.size()), order.size()).forEach(i -> scores[i] = Double.NEGATIVE_INFINITY);
        }
        if (sampling.topP() < 1) {
            double[] p = softmax(scores);
            // TopPLogitsWarper: ascending, what adds up to at most 1 - top_p goes.
            double cumulative = 0;
            List<Integer> order = descending(scores);
            for (int i = order.size() - 1; i > 0; i--) {
                cumulative += p[order.get(i)];
                if (cumulative <= 1 - sampling.topP()) {
                    scores[order.get(i)] = Double.NEGATIVE_INFINITY;
                }
            }
        }
        if (sampling.minP() > 0) {
            double[] p = softmax(scores);
            double floor = sampling.minP() * Arrays.stream(p).max().orElseThrow();
            for (int i = 0; i < p.length; i++) {
                scores[i] = p[i] < floor ? Double.NEGATIVE_INFINITY : scores[i];
            }
        }
        return softmax(scores);
    }

    double[] penalised(double penalty) {
        return IntStream.range(0, logits.length).mapToDouble(i ->
                !seen.contains(i) ? logits[i] : logits[i] < 0 ? logits[i] * penalty : logits[i] / penalty).toArray();
    }

    static double[] logSoftmax(float[] logits) {
        double[] p = softmax(IntStream.range(0, logits.length).mapToDouble(i -> logits[i]).toArray());
        return Arrays.stream(p).map(Math::log).toArray();
    }

    private static double[] softmax(double[] scores) {
        double max = Arrays.stream(scores).max().orElseThrow();
        double sum = Arrays.stream(scores).map(s -> Math.exp(s - max)).sum();
        return Arrays.stream(scores).map(s -> Math.exp(s - max) / sum).toArray();
    }

    private static List<Integer> descending(double[] scores) {
        return IntStream.range(0, scores.length).boxed().sorted((a, b) -> Double.compare(scores[b], scores[a])).toList();
    }
}
