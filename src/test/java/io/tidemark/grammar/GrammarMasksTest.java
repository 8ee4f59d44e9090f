package io.tidemark.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.message.AnswerFormat;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Masks")
class GrammarMasksTest {

    private static final String PERSON = "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
            + "\"age\":{\"type\":\"integer\",\"minimum\":0}},\"required\":[\"name\",\"age\"],"
            + "\"additionalProperties\":false}";

    @ParameterizedTest(name = "{0}")
    @DisplayName("Let a JSON document through if the schema accepts it, with at most one space between its tokens")
    @MethodSource("io.tidemark.grammar.Tokenizers#kinds")
    void jsonSchema(Path folder) {
        try (Formats formats = Formats.of(folder)) {
            CompiledGrammar grammar = formats.compile(new AnswerFormat.JsonSchema(PERSON));
            for (String accepted : List.of(
                    "{\"name\":\"Ada\",\"age\":36}",
                    "{ \"name\" : \"Ada  of \\\"L\\\"\" , \"age\" : 36 }",
                    "{\"name\":\"日本 🙂\\n\",\"age\":0}")) {
                assertThat(formats.accepts(grammar, accepted)).as(accepted).isTrue();
            }
            for (String refused : List.of(
                    "{\"name\":\"Ada\",\"age\":-1}",
                    "{\"name\":\"Ada\"}",
                    "{\"name\":\"Ada\",\"age\":36,\"x\":1}",
                    "{\"name\":\"Ada\",\"name\":\"Ada\",\"age\":36}",
                    "{\"name\":\"Ada\",  \"age\":36}",
                    "{\"name\":\"Ada\",\n\"age\":36}",
                    " {\"name\":\"Ada\",\"age\":36}",
                    "{\"name\":\"Ada\",\"age\":36} ",
                    "{\"name\":\"Ada\",\"age\":36",
                    "{\"name\":\"A\nda\",\"age\":36}")) {
                assertThat(formats.accepts(grammar, refused)).as(refused).isFalse();
            }
        }
    }

    @Test
    @DisplayName("Refuse a second key that is equal to a listed one in another spelling")
    void keysHaveOneSpelling() {
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            CompiledGrammar grammar = formats.compile(new AnswerFormat.JsonSchema(
                    "{\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"],\"type\":\"object\"}"));
            assertThat(formats.accepts(grammar, "{\"a\":1,\"b\":\"x\"}")).isTrue();
            assertThat(formats.accepts(grammar, "{\"a\":1,\"a\":\"x\"}")).isFalse();
            assertThat(formats.accepts(grammar, "{\"a\":1,\"\\u0061\":\"x\"}")).isFalse();
        }
    }

    @ParameterizedTest(name = "{0} on {1}: {2}")
    @DisplayName("Let a string through if a schema's pattern matches it in ECMAScript, Java and Python alike")
    @CsvSource({
        "^a.b$, axb, true",
        "^a.b$, a\u2028b, false",
        "^\\d+$, 12, true",
        "^\\d+$, ١, false",
        "^\\D+$, ١, false",
        "^\\s$, \u00a0, false",
        "^[^\\s]$, \u00a0, false",
        "^[^\\x00-\\x1f]{2}$, ab, true",
        "^[^\\x00-\\x1f]{2}$, a, false",
        "^a[^b]c$, ac, false",
        "b, abc, true",
        "^a|c$, abc, true",
        "^a|c$, bbb, false",
        "^(é|ab)$, é, true",
    })
    void pattern(String pattern, String text, boolean accepted) {
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            CompiledGrammar grammar = formats.compile(new AnswerFormat.JsonSchema(
                    "{\"type\":\"string\",\"pattern\":\"" + pattern.replace("\\", "\\\\") + "\"}"));
            assertThat(formats.accepts(grammar, "\"" + text + "\"")).isEqualTo(accepted);
        }
    }

    @ParameterizedTest(name = "{0} on {1}: {2}")
    @DisplayName("Let a text through if the whole of it matches a regular expression")
    @CsvSource({
        "[0-9]{3}-[a-z]+, 123-ab, true",
        "[0-9]{3}-[a-z]+, 123-, false",
        "[0-9]{3}-[a-z]+, x123-a, false",
        "^a+$, aaa, true",
        "^a+$, aab, false",
        "a|b, b, true",
        "a|b, ab, false",
        "(?i)yes, YeS, true",
        "a/b, a/b, true",
        "é+, éé, true",
    })
    void regex(String regex, String text, boolean accepted) {
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            CompiledGrammar grammar = formats.compile(new AnswerFormat.Regex(regex));
            assertThat(formats.accepts(grammar, text)).isEqualTo(accepted);
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Let one of the given texts through, whatever characters it has")
    @MethodSource("io.tidemark.grammar.Tokenizers#kinds")
    void choice(Path folder) {
        List<String> texts = List.of("yes", "no", "no way", ".*", "a/b\\", "a\nb", "\"q\"", "日本", " lead");
        try (Formats formats = Formats.of(folder)) {
            CompiledGrammar grammar = formats.compile(new AnswerFormat.OneOfTexts(texts));
            texts.forEach(
                    text -> assertThat(formats.accepts(grammar, text)).as(text).isTrue());
            for (String other : List.of("", "y", "yes ", "no wa", "xx", "lead", "  lead")) {
                assertThat(formats.accepts(grammar, other)).as(other).isFalse();
            }
        }
    }

    @Test
    @DisplayName("Let texts of a context-free grammar through")
    void lark() {
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            CompiledGrammar grammar = formats.compile(
                    new AnswerFormat.Grammar("start: sum\nsum: NUM | \"(\" sum \"+\" sum \")\"\nNUM: /[0-9]+/"));
            assertThat(formats.accepts(grammar, "((1+22)+3)")).isTrue();
            assertThat(formats.accepts(grammar, "((1+22)+3")).isFalse();
            assertThat(formats.accepts(grammar, "1+2")).isFalse();
        }
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Never have special tokens, and the end only where the text is complete")
    @MethodSource("io.tidemark.grammar.Tokenizers#kinds")
    void specialTokens(Path folder) {
        try (Formats formats = Formats.of(folder)) {
            CompiledGrammar anything = formats.compile(new AnswerFormat.Regex("(?s).*"));
            try (GrammarState state = anything.start()) {
                assertThat(formats.next(state, -1)).isEqualTo(RowStatus.OK);
                for (int token : formats.allowed()) {
                    assertThat(token == Formats.END || formats.vocabulary().later(token).length > 0)
                            .isTrue();
                }
                assertThat(formats.isSet(Formats.END)).isTrue();
                assertThat(formats.allowed()).hasSizeGreaterThan(200);
            }
            CompiledGrammar two = formats.compile(new AnswerFormat.Regex("[ab]{2}"));
            try (GrammarState state = two.start()) {
                assertThat(formats.next(state, -1)).isEqualTo(RowStatus.OK);
                assertThat(formats.isSet(Formats.END)).isFalse();
                assertThat(formats.next(state, formats.later("a"))).isEqualTo(RowStatus.OK);
                assertThat(formats.next(state, formats.later("b"))).isEqualTo(RowStatus.ENDED);
                assertThat(formats.allowed()).containsExactly(Formats.END);
            }
        }
    }

    @Test
    @DisplayName("Of other states do not depend on a state that fails")
    void statesAreIndependent() {
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            CompiledGrammar grammar = formats.compile(new AnswerFormat.Regex("[ab]+"));
            int a = formats.tokens("a", true).get(0);
            int c = formats.tokens("c", true).get(0);
            try (GrammarState first = grammar.start();
                    GrammarState failing = grammar.start();
                    GrammarState third = grammar.start()) {
                for (GrammarState each : List.of(first, failing, third)) {
                    assertThat(formats.next(each, -1)).isEqualTo(RowStatus.OK);
                }
                assertThat(formats.next(first, a)).isEqualTo(RowStatus.OK);
                List<Integer> allowed = formats.allowed();
                assertThat(formats.next(failing, c)).isInstanceOf(RowStatus.Failed.class);
                assertThat(formats.allowed()).isEmpty();
                assertThat(formats.next(third, a)).isEqualTo(RowStatus.OK);
                assertThat(formats.allowed()).isEqualTo(allowed);
                assertThat(formats.next(failing, a)).as("a failure is final").isInstanceOf(RowStatus.Failed.class);
                assertThat(formats.next(third, a)).isEqualTo(RowStatus.OK);
            }
        }
    }

    @Test
    @DisplayName("Are written from the buffer's position, without bits above the vocabulary")
    void bufferPosition() {
        try (Formats formats = new Formats(Tokenizers.BYTE_LEVEL, 437, GrammarLimits.DEFAULT)) {
            CompiledGrammar grammar = formats.compile(new AnswerFormat.Regex("(?s).*"));
            int words = (437 + 31) / 32;
            IntBuffer masks = Formats.buffer(2 * 32 * words).position(words);
            masks.put(0, 7);
            try (GrammarState state = grammar.start()) {
                state.advance(-1, masks);
            }
            assertThat(masks.get(0)).isEqualTo(7);
            assertThat(masks.get(words)).isNotZero();
            assertThat(masks.get(2 * words - 1) >>> 437 % 32).isZero();
        }
    }

    @Test
    @DisplayName("Are refused for a wrong buffer, and for a state that is closed")
    void wrongUse() {
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            CompiledGrammar grammar = formats.compile(new AnswerFormat.Regex("[ab]+"));
            GrammarState state = grammar.start();
            for (IntBuffer wrong : List.of(
                    IntBuffer.allocate(100),
                    Formats.buffer(400),
                    ByteBuffer.allocateDirect(4000).asIntBuffer())) {
                assertThatThrownBy(() -> state.advance(-1, wrong)).isInstanceOf(IllegalArgumentException.class);
            }
            GrammarState other = grammar.start();
            other.close();
            other.close();
            assertThatThrownBy(() -> formats.next(other, -1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
            // the state that was not to blame is usable, also when the compiler is closed
            formats.compiler().close();
            assertThat(formats.next(state, -1)).isEqualTo(RowStatus.OK);
            state.close();
        }
    }
}
