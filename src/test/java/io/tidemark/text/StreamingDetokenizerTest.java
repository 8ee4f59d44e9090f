package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
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
    @DisplayName("Chunks never split a character, and together are the whole text")
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
    void chunksAreWholeCharacters(String text) {
        List<String> chunks = chunks(tokenizer.encodePlain(text));
        assertThat(String.join("", chunks)).isEqualTo(text);
        assertThat(chunks)
                .noneMatch(chunk -> chunk.contains("\uFFFD"))
                .noneMatch(chunk -> !chunk.isEmpty()
                        && (Character.isLowSurrogate(chunk.charAt(0))
                                || Character.isHighSurrogate(chunk.charAt(chunk.length() - 1))));
    }

    @Test
    @DisplayName("A character of several tokens is emitted with the last of them")
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
    @DisplayName("An incomplete character at the end becomes U+FFFD")
    void incompleteCharacterAtTheEnd() {
        List<Integer> tokens = tokenizer.encodePlain("ab🙂");
        List<String> chunks = chunks(tokens.subList(0, tokens.size() - 1));
        assertThat(String.join("", chunks)).startsWith("ab").endsWith("\uFFFD");
        assertThat(chunks.subList(0, chunks.size() - 1)).noneMatch(chunk -> chunk.contains("\uFFFD"));
    }

    @Test
    @DisplayName("Random tokens give the text of decoding all of them at once")
    void anyTokens() {
        Random random = new Random(11);
        for (int run = 0; run < 100; run++) {
            List<Integer> tokens = random.ints(40, 0, 420).boxed().toList();
            assertThat(String.join("", chunks(tokens))).as("tokens %s", tokens).isEqualTo(tokenizer.decode(tokens));
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName(
            "Random tokens of each kind of tokenizer give the text of decoding all at once, without split characters")
    @ValueSource(strings = {"byte-level", "sentencepiece-bpe", "sentencepiece-unigram"})
    void anyTokensOfAnyKind(String kind) {
        try (TextTokenizer each = ofKind(kind)) {
            Random random = new Random(7);
            for (int run = 0; run < 4_000; run++) {
                // Runs of byte tokens, valid and invalid, are rare among random tokens, so other lists draw from the
                // lower ids or from a few tokens only. Ids above the vocabulary have no text.
                int[] some = random.ints(1 + random.nextInt(6), 0, run % 2 == 0 ? 264 : 440)
                        .toArray();
                List<Integer> tokens = run % 3 == 0
                        ? random.ints(60, 0, some.length)
                                .map(i -> some[i])
                                .boxed()
                                .toList()
                        : random.ints(1 + random.nextInt(30), 0, run % 2 == 0 ? 264 : 440)
                                .boxed()
                                .toList();
                List<String> chunks = chunks(each, tokens);
                assertThat(String.join("", chunks)).as("tokens %s", tokens).isEqualTo(each.decode(tokens));
                assertThat(chunks)
                        .noneMatch(chunk ->
                                !chunk.isEmpty() && Character.isHighSurrogate(chunk.charAt(chunk.length() - 1)));
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("A token that is repeated thousands of times gives the text of decoding all at once")
    @ValueSource(strings = {"byte-level", "sentencepiece-bpe", "sentencepiece-unigram"})
    void anyTokenRepeated(String kind) {
        try (TextTokenizer each = ofKind(kind)) {
            List<Integer> words = each.encodePlain("the");
            for (int token = 0; token < 440; token++) {
                List<Integer> tokens = new ArrayList<>(words);
                tokens.addAll(Collections.nCopies(token % 40 == 0 ? 4_000 : 40, token));
                tokens.addAll(words);
                assertThat(String.join("", chunks(each, tokens)))
                        .as("token %s", token)
                        .isEqualTo(each.decode(tokens));
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Decodes at most three earlier tokens again, whichever token is repeated")
    @ValueSource(strings = {"byte-level", "sentencepiece-bpe", "sentencepiece-unigram"})
    void decodesFewTokens(String kind) {
        try (TextTokenizer each = ofKind(kind)) {
            int word = each.encodePlain("the").get(0);
            for (int token = 0; token < 440; token++) {
                StreamingDetokenizer detokenizer = new StreamingDetokenizer(each);
                detokenizer.add(word);
                for (int i = 0; i < 100; i++) {
                    detokenizer.add(token);
                }
                detokenizer.add(word);
                assertThat(detokenizer.context()).as("token %s", token).isBetween(1, 3);
            }
        }
    }

    @Test
    @DisplayName("Bytes that cannot become a character are emitted as U+FFFD, all but the last one")
    void emitsBytesThatCannotBecomeACharacter() {
        try (TextTokenizer each = ofKind("byte-level")) {
            int first = each.encodePlain("🙂").get(0);
            StreamingDetokenizer detokenizer = new StreamingDetokenizer(each);
            assertThat(detokenizer.add(first)).isEmpty();
            for (int i = 0; i < 10; i++) {
                assertThat(detokenizer.add(first)).isEqualTo("\uFFFD");
            }
            assertThat(detokenizer.add(each.encodePlain("a").get(0))).isEqualTo("\uFFFDa");
            assertThat(detokenizer.finish()).isEmpty();
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName(
            "Real text of each kind of tokenizer is complete: spaces, composed emoji, U+FFFD, text like a byte token")
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
                List<String> chunks = chunks(each, tokens);
                assertThat(String.join("", chunks)).as(text).isEqualTo(each.decode(tokens));
                assertThat(chunks)
                        .as(text)
                        .noneMatch(chunk -> !each.decode(tokens).contains("\uFFFD") && chunk.contains("\uFFFD"));
            }
        }
    }

    @Test
    @DisplayName("A run of byte tokens is emitted at its end, because one invalid byte invalidates all")
    void emitsByteTokensAtTheEndOfTheRun() {
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

    private List<String> chunks(List<Integer> tokens) {
        return chunks(tokenizer, tokens);
    }

    /** One chunk per token, then the rest. */
    private static List<String> chunks(TextTokenizer tokenizer, List<Integer> tokens) {
        StreamingDetokenizer detokenizer = new StreamingDetokenizer(tokenizer);
        List<String> chunks = new ArrayList<>();
        tokens.forEach(token -> chunks.add(detokenizer.add(token)));
        chunks.add(detokenizer.finish());
        return chunks;
    }
}
