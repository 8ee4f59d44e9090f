package io.tidemark.metric;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Corpus BLEU (Papineni et al. 2002) with the defaults of sacrebleu: n-grams of up to four words, clipped by the
 * largest count in any reference; brevity penalty from the reference that is closest in length; an order without a
 * match counts as 1/2, 1/4, … of a match (Chen and Cherry 2014, method 3). Not thread-safe.
 */
public final class Bleu {

    private static final int ORDERS = 4;

    /** ASCII punctuation except apostrophe, comma, hyphen and full stop. */
    private static final Pattern PUNCTUATION = Pattern.compile("([{-~\\[-` -&(-+:-@/])");

    private static final Pattern POINT_AFTER_OTHER = Pattern.compile("([^0-9])([.,])");
    private static final Pattern POINT_BEFORE_OTHER = Pattern.compile("([.,])([^0-9])");
    private static final Pattern HYPHEN_AFTER_DIGIT = Pattern.compile("([0-9])(-)");
    private static final Pattern SPACE = Pattern.compile("\\s+", Pattern.UNICODE_CHARACTER_CLASS);

    private final long[] matches = new long[ORDERS];
    private final long[] total = new long[ORDERS];
    private long length;
    private long referenceLength;

    /** Adds a text with one or more references. */
    public Bleu add(String text, List<String> references) {
        List<String> tokens = tokens(text);
        List<List<String>> others = references.stream().map(Bleu::tokens).toList();
        length += tokens.size();
        referenceLength += closest(tokens.size(), others);
        for (int order = 1; order <= ORDERS; order++) {
            Map<List<String>, Integer> found = ngrams(tokens, order);
            Map<List<String>, Integer> allowed = new HashMap<>();
            for (List<String> other : others) {
                ngrams(other, order).forEach((ngram, count) -> allowed.merge(ngram, count, Math::max));
            }
            for (Map.Entry<List<String>, Integer> ngram : found.entrySet()) {
                matches[order - 1] += Math.min(ngram.getValue(), allowed.getOrDefault(ngram.getKey(), 0));
                total[order - 1] += ngram.getValue();
            }
        }
        return this;
    }

    /** Returns the score, 0 to 100; 0 if no text was added or no word matches. */
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

    /** The length of the reference that is closest in length; the shorter one of two equally close references. */
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

    private static Map<List<String>, Integer> ngrams(List<String> tokens, int order) {
        Map<List<String>, Integer> counts = new HashMap<>();
        for (int i = 0; i + order <= tokens.size(); i++) {
            counts.merge(tokens.subList(i, i + order), 1, Integer::sum);
        }
        return counts;
    }

    /** Splits text with the 13a tokenizer of NIST's mteval, the default of sacrebleu. */
    static List<String> tokens(String text) {
        String line = text.stripTrailing()
                .replace("<skipped>", "")
                .replace("-\n", "")
                .replace('\n', ' ')
                .replace("&quot;", "\"")
                .replace("&amp;", "&")
                .replace("&lt;", "<")
                .replace("&gt;", ">");
        line = PUNCTUATION.matcher(" " + line + " ").replaceAll(" $1 ");
        line = POINT_AFTER_OTHER.matcher(line).replaceAll("$1 $2 ");
        line = POINT_BEFORE_OTHER.matcher(line).replaceAll(" $1 $2");
        line = HYPHEN_AFTER_DIGIT.matcher(line).replaceAll("$1 $2 ");
        return SPACE.splitAsStream(line).filter(token -> !token.isEmpty()).toList();
    }
}
