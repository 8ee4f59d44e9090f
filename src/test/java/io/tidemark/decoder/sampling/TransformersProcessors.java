package io.tidemark.decoder.sampling;

import java.util.Arrays;
import java.util.Comparator;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * A plain implementation of the logits processors of transformers, over the whole vocabulary. {@link DistributionTest}
 * checks it against numbers of transformers; it is then the reference for other logits, such as those of another
 * compute type.
 */
final class TransformersProcessors {

    private TransformersProcessors() {}

    /** The probability of each token. */
    static double[] probabilities(float[] logits, TransformersCase asked) {
        SamplingParams sampling = asked.sampling();
        float[] scores = logits.clone();
        sampling.logitBias().forEach((token, bias) -> scores[token] += bias.floatValue());
        penalise(scores, asked);
        asked.banned().forEach(token -> scores[token] = Float.NEGATIVE_INFINITY);
        IntStream.range(0, scores.length).forEach(token -> scores[token] /= (float) sampling.temperature());
        if (sampling.topK() > 0) {
            float[] ascending = scores.clone();
            Arrays.sort(ascending);
            float least = ascending[Math.max(0, scores.length - sampling.topK())];
            cut(scores, token -> scores[token] < least);
        }
        if (sampling.topP() < 1) {
            cutBelowShare(scores, sampling.topP());
        }
        if (sampling.minP() > 0) {
            double[] shares = softmax(scores);
            double least = sampling.minP() * Arrays.stream(shares).max().orElseThrow();
            cut(scores, token -> shares[token] < least);
        }
        return softmax(scores);
    }

    private static void penalise(float[] scores, TransformersCase asked) {
        Penalties penalties = asked.sampling().penalties();
        IntStream.concat(
                        asked.prompt().stream().mapToInt(t -> t),
                        asked.generated().stream().mapToInt(t -> t))
                .distinct()
                .forEach(token -> scores[token] = (float)
                        (scores[token] < 0
                                ? scores[token] * penalties.repetition()
                                : scores[token] / penalties.repetition()));
        asked.generated().stream().distinct().forEach(token -> {
            long times = asked.generated().stream().filter(token::equals).count();
            scores[token] -= (float) (penalties.presence() + penalties.frequency() * times);
        });
    }

    /**
     * Drops the least likely tokens while their total probability is at most {@code 1 - share}; of equals, the last
     * first.
     */
    private static void cutBelowShare(float[] scores, double share) {
        double[] shares = softmax(scores);
        int[] ascending = IntStream.range(0, scores.length)
                .boxed()
                .sorted(Comparator.<Integer>comparingDouble(token -> shares[token])
                        .thenComparing(Comparator.reverseOrder()))
                .mapToInt(token -> token)
                .toArray();
        double dropped = 0;
        for (int i = 0; i < ascending.length - 1; i++) {
            dropped += shares[ascending[i]];
            if (dropped <= 1 - share) {
                scores[ascending[i]] = Float.NEGATIVE_INFINITY;
            }
        }
    }

    private static void cut(float[] scores, IntPredicate which) {
        for (int token : IntStream.range(0, scores.length).filter(which).toArray()) {
            scores[token] = Float.NEGATIVE_INFINITY;
        }
    }

    private static double[] softmax(float[] scores) {
        double best = IntStream.range(0, scores.length)
                .mapToDouble(token -> scores[token])
                .max()
                .orElseThrow();
        double[] weights = IntStream.range(0, scores.length)
                .mapToDouble(token -> Math.exp(scores[token] - best))
                .toArray();
        double sum = Arrays.stream(weights).sum();
        return Arrays.stream(weights).map(weight -> weight / sum).toArray();
    }
}
