package io.tidemark.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.evaluation.Evaluation.ScaledLora;
import io.tidemark.evaluation.EvaluationReport.EvaluatedSetting;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.ReferenceText;
import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.grammar.GrammarCompiler;
import io.tidemark.grammar.GrammarException;
import io.tidemark.grammar.GrammarLimits;
import io.tidemark.grammar.TokenBytes;
import io.tidemark.message.AnswerFormat;
import io.tidemark.model.ModelConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The expected log-likelihoods were computed with PEFT. */
@DisplayName("Evaluation")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EvaluationTest {

    private static final String FAMILY = "llama-gqa";
    private static final int PAIRS = 8;
    private static final BoundaryRule RULE = new BoundaryRule(RuleSettings.DEFAULT, Objective.parse("balanced"), 6);

    private FixtureModel fixture;

    @BeforeAll
    void open() {
        fixture = FixtureModel.load(FAMILY);
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
                .extracting(EvaluatedSetting::setting)
                .containsExactly(
                        "full LoRA", "best", "one_standard_error", "no_worse_than_full", "half", "given", "base model");
        for (EvaluatedSetting row : report.rows()) {
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
            assertThat(row.secondsPerText().orElseThrow()).isPositive();
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
    @DisplayName("A format constrains the texts of every setting, and a text that the token limit ends is cut")
    void constrained() throws GrammarException {
        assumeTrue(GrammarCompiler.isAvailable());
        List<LabelledExample> gold = gold(Optional.empty());
        EvaluationOptions options = new EvaluationOptions(4, 6, List.of(), 3, 1, 2, List.of(new Boundary(2)));
        ModelConfig config = fixture.model().config();
        TokenBytes vocabulary = TokenBytes.read(Folders.model(FAMILY), config.vocabularySize(), config.endOfSequence());
        LoraWeights lora = fixture.adapter("all");
        try (LoraWeights half = AdapterStore.loadScaled(fixture.model(), Folders.adapter(FAMILY, "all"), 0.5);
                GrammarCompiler compiler = GrammarCompiler.open(vocabulary, GrammarLimits.DEFAULT);
                CompiledGrammar brief = compiler.compile(new AnswerFormat.Regex("[0-9]{1,3}x"));
                CompiledGrammar endless = compiler.compile(new AnswerFormat.Regex("[0-9]{100}"))) {
            List<ScaledLora> scaled = List.of(new ScaledLora(0.5, half));
            EvaluationReport free = evaluate(lora, scaled, gold, options);
            assertThat(free.constrained()).isFalse();
            EvaluationReport matching = evaluate(lora, scaled, gold, options.withGrammar(Optional.of(brief)));
            assertThat(matching.constrained()).isTrue();
            assertThat(matching.rows()).hasSize(8).allSatisfy(row -> {
                assertThat(row.texts()).hasSize(4).allSatisfy(text -> {
                    assertThat(text.text()).matches("[0-9]{1,3}x");
                    assertThat(text.cut()).isFalse();
                });
                assertThat(row.cutTexts()).isZero();
                assertThat(row.logLikelihood())
                        .isEqualTo(row(free, row.setting()).logLikelihood());
                assertThat(row.tokensPerSecond().orElseThrow()).isPositive();
            });
            EvaluationReport cut = evaluate(lora, scaled, gold, options.withGrammar(Optional.of(endless)));
            assertThat(cut.rows()).hasSize(8).allSatisfy(row -> {
                assertThat(row.texts())
                        .allSatisfy(text -> assertThat(text.text()).matches("[0-9]{6,}"));
                assertThat(row.cutTexts()).isEqualTo(4);
            });
        }
    }

    @Test
    @DisplayName("A prompt and text that exceed the context fail with the request's id")
    void tooLong() {
        EvaluationOptions options = new EvaluationOptions(2, 512, List.of(), 2, 0, 2, List.of());
        List<LabelledExample> gold = gold(Optional.empty());
        assertThatThrownBy(() -> new Evaluation(
                                fixture.model(), fixture.adapter("qv"), List.of(), options, (done, parts, part) -> {})
                        .run(tokens(gold), gold, RULE))
                .isInstanceOf(EvaluationException.class)
                .hasMessageContaining("evaluate-0")
                .hasMessageContaining("context");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {"all", "rslora", "patterns", "dora", "lora-bias", "embeddings", "lm-head", "modules-to-save"})
    @DisplayName("A scale gives the scores and texts of an adapter whose file has lora_alpha multiplied by it")
    void scales(String adapter, @TempDir Path temp) {
        List<LabelledExample> gold = gold(Optional.empty());
        try (LoraWeights half = AdapterStore.loadScaled(fixture.model(), Folders.adapter(FAMILY, adapter), 0.5)) {
            EvaluationReport scaled =
                    run(fixture.adapter(adapter), List.of(new ScaledLora(0.5, half)), gold, List.of());
            EvaluatedSetting row = row(scaled, "scale 0.5");
            EvaluatedSetting expected = row(run(withHalfAlpha(adapter, temp), List.of(), gold, List.of()), "full LoRA");
            assertThat(row.boundary()).isEqualTo(expected.boundary());
            assertThat(row.scale()).hasValue(0.5);
            assertThat(row.logLikelihood()).isCloseTo(expected.logLikelihood(), within(1e-5));
            assertThat(row.validationLogLikelihood()).isCloseTo(expected.logLikelihood(), within(1e-5));
            assertThat(row.meanTokens()).isEqualTo(expected.meanTokens());
            assertThat(row.rougeL()).isEqualTo(expected.rougeL());
            assertThat(row.logLikelihood())
                    .isNotCloseTo(row(scaled, "full LoRA").logLikelihood(), within(1e-3))
                    .isNotCloseTo(row(scaled, "base model").logLikelihood(), within(1e-3));
        }
    }

    @Test
    @DisplayName("A scale of 1 is full LoRA, and the best scale is that of the validation examples")
    void bestScale() {
        List<LabelledExample> gold = gold(Optional.empty());
        LoraWeights lora = fixture.adapter("all");
        try (LoraWeights half = AdapterStore.loadScaled(fixture.model(), Folders.adapter(FAMILY, "all"), 0.5)) {
            EvaluationReport report =
                    run(lora, List.of(new ScaledLora(0.5, half), new ScaledLora(1, lora)), gold, List.of());
            EvaluatedSetting one = row(report, "scale 1.0");
            assertThat(one.logLikelihood()).isEqualTo(row(report, "full LoRA").logLikelihood());
            assertThat(one.logLikelihoodDifference().orElseThrow().mean()).isZero();
            boolean halfIsBetter = row(report, "scale 0.5").validationLogLikelihood() > one.validationLogLikelihood();
            assertThat(report.bestScale()).hasValue(halfIsBetter ? 0.5 : 1);
        }
        assertThat(run("all", gold, List.of()).bestScale()).isEmpty();
    }

    /** A copy of the adapter with {@code lora_alpha} and {@code alpha_pattern} halved in its file. */
    private LoraWeights withHalfAlpha(String adapter, Path temp) {
        Path folder = Folders.copyOfAdapter(FAMILY, adapter, temp);
        Folders.edit(folder.resolve("adapter_config.json"), config -> {
            config.put("lora_alpha", config.path("lora_alpha").doubleValue() / 2);
            ObjectNode pattern = config.withObject("/alpha_pattern");
            List.copyOf(pattern.properties())
                    .forEach(alpha ->
                            pattern.put(alpha.getKey(), alpha.getValue().doubleValue() / 2));
        });
        return fixture.load("half alpha of " + adapter, folder);
    }

    private EvaluationReport run(String adapter, List<LabelledExample> gold, List<Boundary> further) {
        return run(fixture.adapter(adapter), List.of(), gold, further);
    }

    private EvaluationReport run(
            LoraWeights lora, List<ScaledLora> scaled, List<LabelledExample> gold, List<Boundary> further) {
        return evaluate(lora, scaled, gold, new EvaluationOptions(4, 6, List.of(), 3, 1, 2, further));
    }

    private EvaluationReport evaluate(
            LoraWeights lora, List<ScaledLora> scaled, List<LabelledExample> gold, EvaluationOptions options) {
        return new Evaluation(fixture.model(), lora, scaled, options, (done, parts, part) -> {})
                .run(tokens(gold), gold, RULE);
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

    private static EvaluatedSetting row(EvaluationReport report, String setting) {
        return report.rows().stream()
                .filter(row -> row.setting().equals(setting))
                .findFirst()
                .orElseThrow();
    }
}
