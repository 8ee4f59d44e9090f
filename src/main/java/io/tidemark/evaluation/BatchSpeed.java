package io.tidemark.evaluation;

import java.util.ArrayList;
import java.util.List;

/**
 * The speed of one setting. Texts of one batch are generated twice, with one token each and with several: the first run
 * has the time of the prompts, and the difference that of the further tokens.
 */
final class BatchSpeed {

    private final int texts;
    private final int tokens;
    private final List<Double> firstTokens = new ArrayList<>();
    private final List<Double> allTokens = new ArrayList<>();

    /**
     * @param texts  texts of the batch
     * @param tokens tokens of each text in the longer run, 2 or more
     */
    BatchSpeed(int texts, int tokens) {
        this.texts = texts;
        this.tokens = tokens;
    }

    /**
     * Adds a measurement.
     *
     * @param firstToken seconds of the batch with one token for each text
     * @param allTokens  seconds of the batch with all tokens
     */
    void add(double firstToken, double allTokens) {
        this.firstTokens.add(firstToken);
        this.allTokens.add(allTokens);
    }

    /** The generated tokens over the time of the longer run, prompts included; the median of the runs. */
    double tokensPerSecond() {
        return texts * (long) tokens / Spread.of(allTokens).median();
    }

    /**
     * The batch's time divided by its texts, if each had this number of tokens: the time of the prompt once, and that
     * of the further tokens.
     */
    double secondsPerText(double meanTokens) {
        double first = Spread.of(firstTokens).median();
        double further = Math.max(0, Spread.of(allTokens).median() - first) / (tokens - 1);
        return (first + (meanTokens - 1) * further) / texts;
    }
}
