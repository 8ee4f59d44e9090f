package io.tidemark.metric;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * BLEU of a whole set of texts (Papineni et al. 2002) as sacrebleu has it by default: n-grams of up to four words clipped
 * by the most generous reference, the brevity penalty of the reference that is closest in length, and an order without a
 * match counted as 1/2, 1/4, … of a match (Chen and Cherry 2014, method 3).
 */
public final class Bleu {

    private static final int ORDERS = 4;

    private final long[] matches = new long[ORDERS];
    private final long[] total = new long[ORDERS];
    private long length;
    private long referenceLength;

    /** Adds a text with its references, one or more. */
    public Bleu add(String text, List<String> references) {
        List<String> tokens = BleuTokens.of(text);
        List<List<String>> others = references.stream().map(BleuTokens::of).toList();
        length += tokens.size();
        referenceLength += closest(tokens.size(), others);
        for (int order = 1; order <= ORDERS; order++) {
            Map<List<String>, Integer> found = grams(tokens, order);
            Map<List<String>, Integer> allowed = new HashMap<>();
            for (List<String> other : others) {
                grams(other, order).forEach((gram, count) -> allowed.merge(gram, count, Math::max));
            }
            for (Map.Entry<List<String>, Integer> gram : found.entrySet()) {
                matches[order - 1] += Math.min(gram.getValue(), allowed.getOrDefault(gram.getKey(), 0));
                total[order - 1] += gram.getValue();
            }
        }
        return this;
    }

    /** From 0 to 100; 0 when nothing was added or nothing matches. */
    public double score() {
        double logs = 0;
        double share = 1;
        for (int order = 0; order < ORDERS; order++) {
            if (total[order] == 0 || matches[0] == 0) {
                return 0;
            }
            share = matches[order] == 0 ? share / 2 : share;
            double counted = matches[order] == 0 ? share : matches[order];
            logs += Math.log(counted / total[order]);
        }
        double brevity = length < referenceLength ? Math.exp(1 - (double) referenceLength / length) : 1;
        return 100 * brevity * Math.exp(logs / ORDERS);
    }

    /** The length of the reference that is closest to the text's; of two as close, the shorter. */
    private static int closest(int length, List<List<String>> references) {
        int best = references.get(0).size();
        for (List<String> reference : references) {
            int distance = Math.abs(reference.size() - length);
            int bestDistance = Math.abs(best - length);
            if (distance < bestDistance || distance == bestDistance && reference.size() < best) {
                best = reference.size();
            }
        }
        return best;
    }

    private static Map<List<String>, Integer> grams(List<String> tokens, int order) {
        Map<List<String>, Integer> counts = new HashMap<>();
        for (int i = 0; i + order <= tokens.size(); i++) {
            counts.merge(tokens.subList(i, i + order), 1, Integer::sum);
        }
        return counts;
    }
}
