package io.tidemark.metric;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * ROUGE-L (Lin 2004): the F1 of the longest common subsequence of words. Words are those of Python's rouge-score
 * without stemming: lower case, separated by everything that is not an ASCII letter or digit.
 */
public final class RougeL {

    private RougeL() {}

    /** Returns the highest F1 over the references, 0 to 1. */
    public static double f1(String text, List<String> references) {
        List<String> words = words(text);
        return references.stream()
                .mapToDouble(reference -> f1(words, words(reference)))
                .max()
                .orElseThrow(() -> new IllegalArgumentException("there is no reference to compare with"));
    }

    private static double f1(List<String> text, List<String> reference) {
        int common = longestCommonSubsequence(text, reference);
        return common == 0 ? 0 : 2.0 * common / (text.size() + reference.size());
    }

    private static List<String> words(String text) {
        return Arrays.stream(text.toLowerCase(Locale.ROOT).split("[^a-z0-9]+"))
                .filter(word -> !word.isEmpty())
                .toList();
    }

    private static int longestCommonSubsequence(List<String> a, List<String> b) {
        int[] above = new int[b.size() + 1];
        for (String word : a) {
            int[] row = new int[b.size() + 1];
            for (int j = 1; j <= b.size(); j++) {
                row[j] = word.equals(b.get(j - 1)) ? above[j - 1] + 1 : Math.max(above[j], row[j - 1]);
            }
            above = row;
        }
        return above[b.size()];
    }
}
