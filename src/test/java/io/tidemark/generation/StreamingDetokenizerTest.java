package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.model.TextTokenizer;
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

@DisplayName("text that comes token by token")
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
    @DisplayName("never has half a character, and its pieces are the whole")
    @ValueSource(strings = {"plain words, and more", "🙂👩‍👩‍👧‍👦 family", "日本語の文章です。", "héllo wörld — ½ € £", "a🙂b日c\n\n  d\t",
            "\u0301 combining e\u0301", "𝔘𝔫𝔦", "   three  spaces"})
    void piecesAreWhole(String text) {
        List<String> pieces = pieces(tokenizer.encodePlain(text));
        assertThat(String.join("", pieces)).isEqualTo(text);
        assertThat(pieces).noneMatch(piece -> piece.contains("\uFFFD"))
                .noneMatch(piece -> !piece.isEmpty() && (Character.isLowSurrogate(piece.charAt(0)) || Character.isHighSurrogate(piece.charAt(piece.length() - 1))));
    }

    @Test
    @DisplayName("of emoji takes several tokens a character, and shows it with the last of them")
    void waitsForTheLastByte() {
        List<Integer> tokens = tokenizer.encodePlain("🙂");
        assertThat(tokens).hasSizeGreaterThan(1);
        StreamingDetokenizer detokenizer = new StreamingDetokenizer(tokenizer);
        tokens.subList(0, tokens.size() - 1).forEach(token -> assertThat(detokenizer.add(token)).isEmpty());
        assertThat(detokenizer.add(tokens.get(tokens.size() - 1))).isEqualTo("🙂");
        assertThat(detokenizer.finish()).isEmpty();
    }

    @Test
    @DisplayName("that ends within a character ends in U+FFFD")
    void endsHalf() {
        List<Integer> tokens = tokenizer.encodePlain("ab🙂");
        List<String> pieces = pieces(tokens.subList(0, tokens.size() - 1));
        assertThat(String.join("", pieces)).startsWith("ab").endsWith("\uFFFD");
        assertThat(pieces.subList(0, pieces.size() - 1)).noneMatch(piece -> piece.contains("\uFFFD"));
    }

    @Test
    @DisplayName("of any tokens, special ones and broken bytes too, is what decoding all of them gives")
    void anyTokens() {
        Random random = new Random(11);
        for (int run = 0; run < 100; run++) {
            List<Integer> tokens = random.ints(40, 0, 420).boxed().toList();
            assertThat(String.join("", pieces(tokens))).as("tokens %s", tokens).isEqualTo(tokenizer.decode(tokens));
        }
    }

    /** One piece a token, then what is left at the end. */
    private List<String> pieces(List<Integer> tokens) {
        StreamingDetokenizer detokenizer = new StreamingDetokenizer(tokenizer);
        List<String> pieces = new ArrayList<>();
        tokens.forEach(token -> pieces.add(detokenizer.add(token)));
        pieces.add(detokenizer.finish());
        return pieces;
    }
}
