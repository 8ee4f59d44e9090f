package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

    @ParameterizedTest(name = "{0}")
    @DisplayName("A text of more bytes than tokens can have has more tokens, if the tokenizer keeps all text")
    @CsvSource({
        "src/test/resources/tokenizers/byte-level,",
        "src/test/resources/tokenizers/sentencepiece-bpe,8",
        "src/test/resources/tokenizers/sentencepiece-unigram,",
        "demo/model,15"
    })
    void mostBytes(Path folder, Long longest) {
        try (TextTokenizer tokenizer = TextTokenizer.load(folder)) {
            OptionalLong most = tokenizer.mostBytes(1);
            assertThat(most).isEqualTo(longest == null ? OptionalLong.empty() : OptionalLong.of(longest));
            Random random = new Random(7);
            for (int i = 0; i < 200 && most.isPresent(); i++) {
                String text = i % 2 == 0 ? " ".repeat(i) + "\n".repeat(i) : text(random);
                assertThat(tokenizer.encodePlain(text).size() * most.getAsLong())
                        .as(text)
                        .isGreaterThanOrEqualTo(text.getBytes(StandardCharsets.UTF_8).length);
            }
        }
    }

    private static String text(Random random) {
        return random.ints(200, 0, 0x1F700)
                .filter(point -> point < Character.MIN_SURROGATE || point > Character.MAX_SURROGATE)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
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
