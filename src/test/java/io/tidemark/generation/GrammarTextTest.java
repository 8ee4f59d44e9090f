package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.generation.Completion.GeneratedChoice;
import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.grammar.GrammarCompiler;
import io.tidemark.grammar.GrammarLimits;
import io.tidemark.grammar.TokenBytes;
import io.tidemark.message.AnswerFormat;
import io.tidemark.model.ModelConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
@DisplayName("The text of a request with a compiled format")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GrammarTextTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String SCHEMA = """
            {"type":"object","properties":{"name":{"type":"string","maxLength":12},"count":{"type":"integer"},\
            "kind":{"enum":["a","bb"]},"tags":{"type":"array","items":{"type":"boolean"},"maxItems":3}},\
            "required":["name","count","kind"],"additionalProperties":false}""";

    private FixtureModel fixture;
    private GrammarCompiler compiler;
    private GenerationEngine engine;

    @BeforeAll
    void load() {
        assumeTrue(GrammarCompiler.isAvailable());
        fixture = FixtureModel.load("llama-gqa");
        ModelConfig config = fixture.model().config();
        compiler = GrammarCompiler.open(
                TokenBytes.read(Folders.model("llama-gqa"), config.vocabularySize(), config.endOfSequence()),
                GrammarLimits.DEFAULT);
        engine = GenerationEngine.start(fixture.model(), new EngineLimits(12, 96, 1L << 30));
    }

    @AfterAll
    void close() {
        if (engine != null) {
            engine.close();
            compiler.close();
            fixture.close();
        }
    }

    @Test
    @DisplayName("Finished texts of a model with random weights match their formats, greedy and at temperature 1")
    void matches() throws Exception {
        List<String> texts = List.of("yes", "no", "not sure, \"maybe\"", "é ü 漢字");
        List<AnswerFormat> formats = List.of(
                new AnswerFormat.OneOfTexts(texts),
                new AnswerFormat.Regex("[A-C]{2,5}-[0-9]+x"),
                new AnswerFormat.JsonSchema(SCHEMA),
                new AnswerFormat.JsonObject());
        Map<RecordingListener, AnswerFormat> running = new LinkedHashMap<>();
        for (int i = 0; i < 80; i++) {
            AnswerFormat format = formats.get(i % formats.size());
            CompiledGrammar grammar = compiler.compile(format);
            EngineRequest free = TestRequest.of("request-" + i, List.of(5, 6, 7 + i))
                    .with(fixture.adapter("all"), i % 7)
                    .sampled(i % 5 == 0 ? 0 : 1, i)
                    .choices(1 + i % 3)
                    .tokens(120)
                    .request();
            RecordingListener listener = RecordingListener.plain();
            running.put(listener, format);
            engine.submit(
                    new EngineRequest(
                            free.id(),
                            free.prompt(),
                            free.params().withGrammar(grammar),
                            free.lora(),
                            free.boundary(),
                            free.priority()),
                    listener);
        }
        List<String> finished = new ArrayList<>();
        for (Map.Entry<RecordingListener, AnswerFormat> each : running.entrySet()) {
            for (GeneratedChoice choice : each.getKey().completion().choices()) {
                if (choice.finishReason() == FinishReason.STOP) {
                    finished.add(each.getValue().getClass().getSimpleName());
                    assertMatches(each.getValue(), choice.text(), texts);
                } else {
                    assertThat(choice.finishReason()).isEqualTo(FinishReason.LENGTH);
                }
            }
        }
        assertThat(finished).contains("OneOfTexts", "Regex", "JsonSchema");
    }

    private static void assertMatches(AnswerFormat format, String text, List<String> texts) throws Exception {
        if (format instanceof AnswerFormat.OneOfTexts) {
            assertThat(texts).contains(text);
        } else if (format instanceof AnswerFormat.Regex regex) {
            assertThat(text).matches(regex.regex());
        } else {
            JsonNode json = JSON.readTree(text);
            assertThat(json.isObject()).isTrue();
            if (format instanceof AnswerFormat.JsonSchema) {
                assertThat(json.get("name").isTextual()).isTrue();
                assertThat(json.get("count").isNumber()).isTrue();
                assertThat(json.get("kind").asText()).isIn("a", "bb");
            }
        }
    }
}
