package io.tidemark.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The expected values were computed with rouge-score and sacrebleu by tools/metrics/expectations.py. */
@DisplayName("Text metrics")
class MetricsTest {

    /** A set of texts with its expected scores. */
    record Corpus(String name, JsonNode texts, double bleu) {

        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Corpus> corpora() throws IOException {
        JsonNode all = new ObjectMapper()
                .readTree(Path.of("src/test/resources/metrics/expected.json").toFile());
        return StreamSupport.stream(all.spliterator(), false)
                .map(node -> new Corpus(
                        node.path("name").asText(),
                        node.path("texts"),
                        node.path("bleu").asDouble()));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("corpora")
    @DisplayName("BLEU equals sacrebleu")
    void bleu(Corpus corpus) {
        Bleu bleu = new Bleu();
        corpus.texts().forEach(text -> bleu.add(text.path("text").asText(), strings(text.path("references"))));
        assertThat(bleu.score()).isCloseTo(corpus.bleu(), within(1e-9));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("corpora")
    @DisplayName("ROUGE-L equals rouge-score")
    void rougeL(Corpus corpus) {
        corpus.texts()
                .forEach(text -> assertThat(RougeL.f1(text.path("text").asText(), strings(text.path("references"))))
                        .as(text.path("text").asText())
                        .isCloseTo(text.path("rouge_l").asDouble(), within(1e-12)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("corpora")
    @DisplayName("Tokens equal those of sacrebleu")
    void tokens(Corpus corpus) {
        corpus.texts()
                .forEach(text ->
                        assertThat(Bleu.tokens(text.path("text").asText())).isEqualTo(strings(text.path("tokens"))));
    }

    @Test
    @DisplayName("ROUGE-L without a reference is rejected")
    void needAReference() {
        assertThatThrownBy(() -> RougeL.f1("text", List.of())).hasMessageContaining("no reference");
    }

    @ParameterizedTest(name = "\"{0}\" answers {1}: {2}")
    @DisplayName("A solution is right if the number after #### equals the expected answer")
    @CsvSource(
            delimiter = '|',
            value = {
                "so 40 + 2 = 42\\n#### 42|42|true", "#### 42.00|42|true", "#### $1,200|1200|true", "#### -3|-3|true",
                        "#### 42 apples|42|true",
                "42|42|false", "#### 420|42|false", "#### no idea|42|false", "#### 41\\n#### 42|42|false",
                        "#### 42.|42|true"
            })
    void answers(String solution, String expected, boolean right) {
        assertThat(FinalAnswer.matches(solution.replace("\\n", "\n"), expected)).isEqualTo(right);
    }

    @Test
    @DisplayName("An expected answer without a number is rejected")
    void noNumber() {
        assertThatThrownBy(() -> FinalAnswer.matches("#### 1", "none")).hasMessageContaining("'none'");
    }

    private static List<String> strings(JsonNode array) {
        List<String> strings = new ArrayList<>();
        array.forEach(value -> strings.add(value.asText()));
        return strings;
    }
}
