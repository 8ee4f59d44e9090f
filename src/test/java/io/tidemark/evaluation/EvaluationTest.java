package io.tidemark.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.evaluation.EvaluationReport.Row;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.ReferenceText;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** The expected log-likelihoods were computed with PEFT. */
@DisplayName("Evaluation")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EvaluationTest {

    private static final int PAIRS = 8;

    private FixtureModel fixture;

    @BeforeAll
    void open() {
        fixture = FixtureModel.load("llama-gqa");
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("Log-likelihoods agree with PEFT at each setting, and differences are from full LoRA")
    void likelihoods() {
        EvaluationReport report = run("all", gold(Optional.empty()), List.of(new Boundary(1)));
        assertThat(report.rows())
                .extracting(Row::setting)
                .containsExactly("full LoRA", "quality", "balanced", "latency", "half", "given", "base model");
        for (Row row : report.rows()) {
            assertThat(row.logLikelihood())
                    .as(row.setting())
                    .isCloseTo(expected("all", row.boundary().orElse(0)), within(1e-4));
        }
        assertThat(row(report, "half").boundary()).isEqualTo(OptionalInt.of(3));
        assertThat(row(report, "full LoRA").logLikelihoodDifference()).isEmpty();
        PairedDifference base =
                row(report, "base model").logLikelihoodDifference().orElseThrow();
        assertThat(base.mean()).isCloseTo(expected("all", 0) - expected("all", 6), within(1e-4));
        assertThat(base.halfWidth95()).isPositive();
    }

    @Test
    @DisplayName("Texts are compared with references in ROUGE-L and BLEU, and every setting has a speed")
    void texts() {
        EvaluationReport report = run("qv", gold(Optional.empty()), List.of());
        assertThat(report.rows()).allSatisfy(row -> {
            assertThat(row.rougeL().orElseThrow()).isBetween(0.0, 1.0);
            assertThat(row.bleu().orElseThrow()).isBetween(0.0, 100.0);
            assertThat(row.exactMatch()).isEmpty();
            assertThat(row.tokensPerSecond().orElseThrow()).isPositive();
            assertThat(row.meanTokens()).isBetween(1.0, 6.0);
        });
    }

    @Test
    @DisplayName("Expected answers replace ROUGE-L and BLEU if every example has one")
    void answers() {
        EvaluationReport report = run("qv", gold(Optional.of("7")), List.of());
        assertThat(report.rows()).allSatisfy(row -> {
            assertThat(row.exactMatch().orElseThrow()).isZero();
            assertThat(row.rougeL()).isEmpty();
            assertThat(row.bleu()).isEmpty();
        });
    }

    @Test
    @DisplayName("A prompt and text that exceed the context fail with the request's id")
    void tooLong() {
        EvaluationOptions options = new EvaluationOptions(2, 512, List.of(), 2, 0, 1, List.of());
        List<LabelledExample> gold = gold(Optional.empty());
        assertThatThrownBy(
                        () -> new Evaluation(fixture.model(), fixture.adapter("qv"), options, (done, parts, part) -> {})
                                .run(tokens(gold), gold))
                .isInstanceOf(EvaluationException.class)
                .hasMessageContaining("evaluate-0")
                .hasMessageContaining("context");
    }

    private EvaluationReport run(String adapter, List<LabelledExample> gold, List<Boundary> further) {
        EvaluationOptions options = new EvaluationOptions(4, 6, List.of(), 3, 1, 2, further);
        return new Evaluation(fixture.model(), fixture.adapter(adapter), options, (done, parts, part) -> {})
                .run(tokens(gold), gold);
    }

    private List<LabelledExample> gold(Optional<String> answer) {
        List<LabelledExample> gold = new ArrayList<>();
        for (ReferenceText.Pair pair : fixture.reference("all").pairs().subList(0, PAIRS)) {
            gold.add(new LabelledExample(
                    new TokenizedExample(fixture.tokens(pair.prompt()), pair.completion()),
                    List.of("a place by the river"),
                    answer));
        }
        return gold;
    }

    private static List<TokenizedExample> tokens(List<LabelledExample> gold) {
        return gold.stream().map(LabelledExample::tokens).toList();
    }

    /** The mean over the pairs of the mean log-probability per token, from PEFT. */
    private double expected(String adapter, int boundary) {
        return fixture.reference(adapter).pairs().subList(0, PAIRS).stream()
                .mapToDouble(pair ->
                        pair.logprobs().get(boundary) / pair.completion().size())
                .average()
                .orElseThrow();
    }

    private static Row row(EvaluationReport report, String setting) {
        return report.rows().stream()
                .filter(row -> row.setting().equals(setting))
                .findFirst()
                .orElseThrow();
    }
}
