package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The expected tokens were made with transformers 5.24: {@code tools/tokenizers_for_tests.py}. */
@DisplayName("Tokenizers of each kind")
class TokenizersTest {

    private static final Path FOLDERS = Path.of("src/test/resources/tokenizers");

    @ParameterizedTest(name = "{0}")
    @DisplayName("Tokens of texts in many scripts are equal to those of transformers")
    @ValueSource(strings = {"byte-level", "sentencepiece-bpe", "sentencepiece-unigram"})
    void encodesLikeTransformers(String kind) throws IOException {
        try (TextTokenizer tokenizer = TextTokenizer.load(FOLDERS.resolve(kind))) {
            for (JsonNode each : expected(kind).get("encoded")) {
                String text = each.get("text").textValue();
                assertThat(tokenizer.encodePrompt(text)).as(text).isEqualTo(ints(each.get("ids")));
                assertThat(tokenizer.encodePlain(text)).as(text).isEqualTo(ints(each.get("plain")));
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("The decoded text of any tokens is equal to that of transformers, without special tokens")
    @ValueSource(strings = {"byte-level", "sentencepiece-bpe", "sentencepiece-unigram"})
    void decodesLikeTransformers(String kind) throws IOException {
        try (TextTokenizer tokenizer = TextTokenizer.load(FOLDERS.resolve(kind))) {
            for (JsonNode each : expected(kind).get("decoded")) {
                List<Integer> tokens = ints(each.get("ids"));
                assertThat(tokenizer.decode(tokens))
                        .as("%s", tokens)
                        .isEqualTo(each.get("text").textValue());
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("A text of more than 5,000 tokens is not truncated")
    @ValueSource(strings = {"byte-level", "sentencepiece-bpe", "sentencepiece-unigram"})
    void cutsNothing(String kind) {
        String text = "The boundary layer of 7 adapters; 日本 🙂\n".repeat(300).strip();
        try (TextTokenizer tokenizer = TextTokenizer.load(FOLDERS.resolve(kind))) {
            List<Integer> tokens = tokenizer.encodePlain(text);
            assertThat(tokens).hasSizeGreaterThan(5_000);
            assertThat(tokenizer.decode(tokens)).isEqualTo(text);
        }
    }

    private static JsonNode expected(String kind) throws IOException {
        return new ObjectMapper()
                .readTree(FOLDERS.resolve(kind).resolve("expected.json").toFile());
    }

    private static List<Integer> ints(JsonNode array) {
        List<Integer> values = new ArrayList<>();
        array.forEach(value -> values.add(value.intValue()));
        return values;
    }
}
