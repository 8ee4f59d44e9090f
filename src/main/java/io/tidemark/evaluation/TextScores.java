package io.tidemark.evaluation;

import io.tidemark.evaluation.EvaluationReport.GeneratedText;
import io.tidemark.generation.Completion.GeneratedChoice;
import io.tidemark.generation.FinishReason;
import io.tidemark.metric.Bleu;
import io.tidemark.metric.FinalAnswer;
import io.tidemark.metric.RougeL;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * Scores of the texts that one setting generated.
 *
 * @param texts      the generated texts, in the order of the examples
 * @param each       score of each text: ROUGE-L F1 from 0 to 1, or 1 for the expected answer and 0 otherwise
 * @param corpusBleu BLEU of all texts, 0 to 100; empty if the examples have answers
 * @param meanTokens mean number of tokens of a text
 */
record TextScores(List<GeneratedText> texts, List<Double> each, OptionalDouble corpusBleu, double meanTokens) {

    /** Compares answers if every example has one; otherwise computes ROUGE-L and BLEU. */
    static TextScores of(List<GeneratedChoice> choices, List<LabelledExample> examples) {
        List<GeneratedText> texts = choices.stream()
                .map(choice -> new GeneratedText(choice.text(), choice.finishReason() == FinishReason.LENGTH))
                .toList();
        double meanTokens = choices.stream()
                .mapToInt(choice -> choice.tokens().size())
                .average()
                .orElseThrow();
        IntStream indices = IntStream.range(0, texts.size());
        if (haveAnswers(examples)) {
            List<Double> each = indices.mapToObj(i -> FinalAnswer.matches(
                                    texts.get(i).text(),
                                    examples.get(i).answer().orElseThrow())
                            ? 1.0
                            : 0.0)
                    .toList();
            return new TextScores(texts, each, OptionalDouble.empty(), meanTokens);
        }
        List<Double> each = indices.mapToObj(
                        i -> RougeL.f1(texts.get(i).text(), examples.get(i).references()))
                .toList();
        Bleu bleu = new Bleu();
        for (int i = 0; i < texts.size(); i++) {
            bleu.add(texts.get(i).text().strip(), examples.get(i).references());
        }
        return new TextScores(texts, each, OptionalDouble.of(bleu.score()), meanTokens);
    }

    static boolean haveAnswers(List<LabelledExample> examples) {
        return examples.stream().allMatch(example -> example.answer().isPresent());
    }

    double mean() {
        return each.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }
}
