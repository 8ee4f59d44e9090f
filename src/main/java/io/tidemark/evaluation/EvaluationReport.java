package io.tidemark.evaluation;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * What an evaluation found.
 *
 * @param validationExamples examples that chose the boundaries
 * @param validationCurve    mean log-likelihood per gold token of those examples at boundaries 0 .. L, nats
 * @param testExamples       other examples, whose gold texts were scored
 * @param generatedTexts     how many of them got a text
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record EvaluationReport(
        int numLayers,
        int validationExamples,
        List<Double> validationCurve,
        int testExamples,
        int generatedTexts,
        List<Row> rows) {

    public EvaluationReport {
        validationCurve = List.copyOf(validationCurve);
        rows = List.copyOf(rows);
    }

    /** What each objective chose, in the order of the rows. */
    @JsonIgnore
    public Map<String, Integer> chosen() {
        Map<String, Integer> chosen = new LinkedHashMap<>();
        for (Row row : rows) {
            if (Setting.OBJECTIVES.stream()
                    .anyMatch(objective -> objective.written().equals(row.setting()))) {
                chosen.put(row.setting(), row.boundary().orElseThrow());
            }
        }
        return chosen;
    }

    /**
     * One setting. Differences are against full LoRA on the same examples, and absent for full LoRA itself.
     *
     * @param setting         what chose the boundary
     * @param boundary        absent for the base model
     * @param logLikelihood   mean over the examples of their mean log-probability per gold token, nats
     * @param rougeL          mean ROUGE-L F1 of the generated texts, 0 to 1; absent where answers count
     * @param bleu            corpus BLEU, 0 to 100; absent where answers count
     * @param exactMatch      share of right answers; absent where there are none
     * @param tokensPerSecond generated tokens over wall time, prompts included, the median of the runs
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    @JsonInclude(JsonInclude.Include.NON_ABSENT)
    public record Row(
            String setting,
            OptionalInt boundary,
            double logLikelihood,
            Optional<PairedDifference> logLikelihoodDifference,
            OptionalDouble rougeL,
            OptionalDouble bleu,
            OptionalDouble exactMatch,
            Optional<PairedDifference> textDifference,
            double meanTokens,
            OptionalDouble tokensPerSecond) {}
}
