package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Streaming detokenizer")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StreamingDetokenizerTest {

    private FixtureModel fixture;
    private TextTokenizer tokenizer;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
        tokenizer = fixture.model().tokenizer();
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("chunks never split a character, and together are the whole text")
    @ValueSource(
            strings = {
                "plain words, and more",
                "🙂👩‍👩‍👧‍👦 family",
                "日本語の文章です。",
                "héllo wörld — ½ € £",
                "a🙂b日c\n\n  d\t",
                "\u0301 combining e\u0301",
                "𝔘𝔫𝔦",
                "   three  spaces"
            })
    void piecesAreWhole(String text) {
        List<String> pieces = pieces(tokenizer.encodePlain(text));
        assertThat(String.join("", pieces)).isEqualTo(text);
        assertThat(pieces)
                .noneMatch(piece -> piece.contains("\uFFFD"))
                .noneMatch(piece -> !piece.isEmpty()
                        && (Character.isLowSurrogate(piece.charAt(0))
                                || Character.isHighSurrogate(piece.charAt(piece.length() - 1))));
    }

    @Test
    @DisplayName("a character of several tokens is emitted with the last of them")
    void waitsForTheLastByte() {
        List<Integer> tokens = tokenizer.encodePlain("🙂");
        assertThat(tokens).hasSizeGreaterThan(1);
        StreamingDetokenizer detokenizer = new StreamingDetokenizer(tokenizer);
        tokens.subList(0, tokens.size() - 1)
                .forEach(token -> assertThat(detokenizer.add(token)).isEmpty());
        assertThat(detokenizer.add(tokens.get(tokens.size() - 1))).isEqualTo("🙂");
        assertThat(detokenizer.finish()).isEmpty();
    }

    @Test
    @DisplayName("an incomplete character at the end becomes U+FFFD")
    void endsHalf() {
        List<Integer> tokens = tokenizer.encodePlain("ab🙂");
        List<String> pieces = pieces(tokens.subList(0, tokens.size() - 1));
        assertThat(String.join("", pieces)).startsWith("ab").endsWith("\uFFFD");
        assertThat(pieces.subList(0, pieces.size() - 1)).noneMatch(piece -> piece.contains("\uFFFD"));
    }

    @Test
    @DisplayName("random tokens give the text of decoding all of them at once")
    void anyTokens() {
        Random random = new Random(11);
        for (int run = 0; run < 100; run++) {
            List<Integer> tokens = random.ints(40, 0, 420).boxed().toList();
            assertThat(String.join("", pieces(tokens))).as("tokens %s", tokens).isEqualTo(tokenizer.decode(tokens));
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName(
            "random tokens of each kind of tokenizer give the text of decoding all at once, without split characters")
    @ValueSource(strings = {"byte-level", "sentencepiece-bpe", "sentencepiece-unigram"})
    void anyTokensOfAnyKind(String kind) {
        try (TextTokenizer each = ofKind(kind)) {
            Random random = new Random(7);
            for (int run = 0; run < 500; run++) {
                // Runs of bytes, whole and broken, are rare among all tokens, so some runs draw from the lower ones
                // only.
                List<Integer> tokens = random.ints(1 + random.nextInt(30), 0, run % 2 == 0 ? 264 : 420)
                        .boxed()
                        .toList();
                List<String> pieces = pieces(each, tokens);
                assertThat(String.join("", pieces)).as("tokens %s", tokens).isEqualTo(each.decode(tokens));
                assertThat(pieces)
                        .noneMatch(piece ->
                                !piece.isEmpty() && Character.isHighSurrogate(piece.charAt(piece.length() - 1)));
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName(
            "real text of each kind of tokenizer is complete: spaces, composed emoji, U+FFFD, text like a byte token")
    @ValueSource(strings = {"byte-level", "sentencepiece-bpe", "sentencepiece-unigram"})
    void realTextOfAnyKind(String kind) {
        try (TextTokenizer each = ofKind(kind)) {
            for (String text : List.of(
                    "two  spaces",
                    " leading",
                    "日本語 with words",
                    "👩‍👩‍👧‍👦🇩🇪☝🏽 end",
                    "a \uFFFD b\uFFFD\uFFFD",
                    "e\u0301x",
                    "<0xE2> <0x82>",
                    "\n\n\ttab",
                    "x<|call|> y")) {
                List<Integer> tokens = each.encodePlain(text);
                List<String> pieces = pieces(each, tokens);
                assertThat(String.join("", pieces)).as(text).isEqualTo(each.decode(tokens));
                assertThat(pieces)
                        .as(text)
                        .noneMatch(piece -> !each.decode(tokens).contains("\uFFFD") && piece.contains("\uFFFD"));
            }
        }
    }

    @Test
    @DisplayName("a run of byte tokens is emitted at its end, because one invalid byte invalidates all")
    void waitsForTheRunsEnd() {
        try (TextTokenizer each = ofKind("sentencepiece-bpe")) {
            int[] euro = {3 + 0xE2, 3 + 0x82, 3 + 0xAC};
            int word = each.encodePlain("the").get(0);
            StreamingDetokenizer whole = new StreamingDetokenizer(each);
            for (int token : euro) {
                assertThat(whole.add(token)).isEmpty();
            }
            assertThat(whole.add(2)).as("a special token does not end the run").isEmpty();
            assertThat(whole.add(word)).startsWith("€");
            StreamingDetokenizer broken = new StreamingDetokenizer(each);
            for (int token : euro) {
                broken.add(token);
            }
            broken.add(3 + 0xFF);
            assertThat(broken.finish()).isEqualTo("\uFFFD".repeat(4));
        }
    }

    private static TextTokenizer ofKind(String kind) {
        return TextTokenizer.load(Path.of("src/test/resources/tokenizers", kind));
    }

    private List<String> pieces(List<Integer> tokens) {
        return pieces(tokenizer, tokens);
    }

    /** One chunk per token, then the rest. */
    private static List<String> pieces(TextTokenizer tokenizer, List<Integer> tokens) {
        StreamingDetokenizer detokenizer = new StreamingDetokenizer(tokenizer);
        List<String> pieces = new ArrayList<>();
        tokens.forEach(token -> pieces.add(detokenizer.add(token)));
        pieces.add(detokenizer.finish());
        return pieces;
    }
}
