package io.tidemark.evaluation;

import io.tidemark.metric.Bleu;
import io.tidemark.metric.FinalAnswer;
import io.tidemark.metric.RougeL;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * Generated texts against what they should be.
 *
 * @param each   of every text: ROUGE-L F1 from 0 to 1, or 1 for the right answer and 0 for another
 * @param corpus BLEU of all texts, 0 to 100; empty where answers count
 */
record TextScores(List<Double> each, OptionalDouble corpus) {

    /** Answers where every example has one, else ROUGE-L and BLEU. */
    static TextScores of(List<String> texts, List<GoldText> gold) {
        if (asksForAnswers(gold)) {
            return new TextScores(
                    IntStream.range(0, texts.size())
                            .mapToObj(i -> FinalAnswer.matches(
                                            texts.get(i), gold.get(i).answer().orElseThrow())
                                    ? 1.0
                                    : 0.0)
                            .toList(),
                    OptionalDouble.empty());
        }
        Bleu bleu = new Bleu();
        IntStream.range(0, texts.size())
                .forEach(i -> bleu.add(texts.get(i).strip(), gold.get(i).references()));
        return new TextScores(
                IntStream.range(0, texts.size())
                        .mapToObj(i -> RougeL.f1(texts.get(i), gold.get(i).references()))
                        .toList(),
                OptionalDouble.of(bleu.score()));
    }

    static boolean asksForAnswers(List<GoldText> gold) {
        return gold.stream().allMatch(example -> example.answer().isPresent());
    }

    double mean() {
        return each.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }
}
