package io.tidemark.evaluation;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.tidemark.calibration.curve.CurveChoice;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * The result of an evaluation.
 *
 * @param validationExamples number of examples on which the boundaries were chosen
 * @param validationCurve    mean log-likelihood per gold token of those examples at boundaries 0 .. L, nats
 * @param calibrator         what a calibrator would decide on the validation examples
 * @param testExamples       number of other examples, whose gold texts were scored
 * @param generatedTexts     number of test examples for which a text was generated
 * @param constrained        whether the texts were generated with a format
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record EvaluationReport(
        int numLayers,
        int validationExamples,
        List<Double> validationCurve,
        String calibrator,
        int testExamples,
        int generatedTexts,
        boolean constrained,
        List<EvaluatedSetting> rows) {

    public EvaluationReport {
        validationCurve = List.copyOf(validationCurve);
        rows = List.copyOf(rows);
    }

    /** The boundaries that were chosen from the curve, by the names of the choices. */
    @JsonIgnore
    public Map<String, Integer> chosen() {
        Map<String, Integer> chosen = new LinkedHashMap<>();
        for (EvaluatedSetting row : rows) {
            if (Arrays.stream(CurveChoice.values())
                    .anyMatch(choice -> choice.written().equals(row.setting()))) {
                chosen.put(row.setting(), row.boundary().orElseThrow());
            }
        }
        return chosen;
    }

    /**
     * The factor with the highest log-likelihood on the validation examples, of the rows with LoRA in all layers; the
     * one nearest to 1 among equals. Full LoRA counts as 1. Empty if no other factor was evaluated.
     */
    @JsonIgnore
    public OptionalDouble bestScale() {
        List<EvaluatedSetting> full = rows.stream()
                .filter(row -> row.boundary().orElse(-1) == numLayers)
                .toList();
        if (full.stream().allMatch(row -> row.scale().orElseThrow() == 1)) {
            return OptionalDouble.empty();
        }
        return full.stream()
                .max(Comparator.comparingDouble(EvaluatedSetting::validationLogLikelihood)
                        .thenComparing(row -> -Math.abs(row.scale().orElseThrow() - 1)))
                .orElseThrow()
                .scale();
    }

    /**
     * One setting. Differences are from full LoRA on the same examples; they are absent for full LoRA.
     *
     * @param setting                 {@code full LoRA}, a {@link CurveChoice}, {@code half}, {@code given},
     *                                {@code scale S} or {@code base model}
     * @param boundary                absent for the base model
     * @param scale                   factor of the scale of all LoRA, 1 for the adapter as it is; absent for the base
     *                                model
     * @param validationLogLikelihood mean over the validation examples; see {@code logLikelihood}
     * @param logLikelihood           mean over the examples of their mean log-probability per gold token, nats
     * @param rougeL                  mean ROUGE-L F1 of the texts, 0 to 1; absent if the examples have answers
     * @param bleu                    corpus BLEU, 0 to 100; absent if the examples have answers
     * @param exactMatch              share of expected answers; absent if the examples have none
     * @param texts                   the generated texts, in the order of the examples
     * @param meanTokens              mean number of tokens of a generated text
     * @param secondsPerText          time of a batch over its texts, computed for texts of {@code meanTokens}: the
     *                                prompt once, and the further tokens
     * @param tokensPerSecond         generated tokens over wall time, prompts included, the median of the runs
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    @JsonInclude(JsonInclude.Include.NON_ABSENT)
    public record EvaluatedSetting(
            String setting,
            OptionalInt boundary,
            OptionalDouble scale,
            double validationLogLikelihood,
            double logLikelihood,
            Optional<PairedDifference> logLikelihoodDifference,
            OptionalDouble rougeL,
            OptionalDouble bleu,
            OptionalDouble exactMatch,
            Optional<PairedDifference> textDifference,
            List<GeneratedText> texts,
            double meanTokens,
            OptionalDouble secondsPerText,
            OptionalDouble tokensPerSecond) {

        public EvaluatedSetting {
            texts = List.copyOf(texts);
        }

        /** The number of texts that are cut. */
        public long cutTexts() {
            return texts.stream().filter(GeneratedText::cut).count();
        }
    }

    /**
     * A generated text.
     *
     * @param cut whether the maximum number of tokens has ended it, so that it may be the beginning of a text in the
     *            format
     */
    public record GeneratedText(String text, boolean cut) {}
}
