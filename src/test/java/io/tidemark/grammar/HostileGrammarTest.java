package io.tidemark.grammar;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.AnswerFormat;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What costs its request an error, and nothing else: no crash, and no work or memory above the limits. */
@DisplayName("A hostile format")
class HostileGrammarTest {

    private static final GrammarLimits LIMITS =
            new GrammarLimits(256 << 10, Duration.ofMillis(50), 16 << 20, Duration.ofMillis(5), 64 << 20);
    private static final int STEPS = 40;

    private static Formats formats;

    @BeforeAll
    static void open() {
        formats = new Formats(Tokenizers.BYTE_LEVEL, 450, LIMITS);
    }

    @AfterAll
    static void close() {
        formats.close();
    }

    static Stream<Arguments> refused() {
        Function<String, AnswerFormat> schema = AnswerFormat.JsonSchema::new;
        Function<String, AnswerFormat> regex = AnswerFormat.Regex::new;
        Function<String, AnswerFormat> lark = AnswerFormat.Grammar::new;
        return Stream.of(
                Arguments.of("deep schema", schema.apply("{\"items\":".repeat(5000) + "{}" + "}".repeat(5000))),
                Arguments.of("deep list", schema.apply("{\"const\":" + "[".repeat(5000) + "]".repeat(5000) + "}")),
                Arguments.of("not JSON", schema.apply("{\"type\":")),
                Arguments.of("not a schema", schema.apply("[1]")),
                Arguments.of("no value", schema.apply("false")),
                Arguments.of("unsatisfiable", schema.apply("{\"allOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}")),
                Arguments.of("many items", schema.apply("{\"type\":\"array\",\"minItems\":4000000000}")),
                Arguments.of("options", schema.apply("{\"x-guidance\":{\"lenient\":true},\"not\":{}}")),
                Arguments.of("remote", schema.apply("{\"$ref\":\"https://localhost:1/schema\"}")),
                Arguments.of("file", schema.apply("{\"$ref\":\"file:///etc/passwd\"}")),
                Arguments.of(
                        "product of alternatives",
                        schema.apply("{\"allOf\":["
                                + joined(
                                        40,
                                        i -> "{\"anyOf\":[{\"minLength\":" + i + "},{\"maxLength\":" + (100 - i)
                                                + "},{\"required\":[\"a" + i + "\"]}]}")
                                + "]}")),
                Arguments.of(
                        "copies of a large part",
                        schema.apply("{\"allOf\":[{\"anyOf\":["
                                + joined(1500, i -> "{\"required\":[\"r" + i + "\"]}")
                                + "]},{\"properties\":{\"x\":{\"properties\":{"
                                + joined(1500, i -> "\"p" + i + "\":{}")
                                + "}}}}]}")),
                Arguments.of("deep regex", regex.apply("(".repeat(5000) + "a" + ")".repeat(5000))),
                Arguments.of("broken regex", regex.apply("a(")),
                Arguments.of("lookahead", regex.apply("(?=a)b")),
                Arguments.of("no text", regex.apply("[^\\s\\S]")),
                Arguments.of("deep grammar", lark.apply("start: " + "(".repeat(5000) + "\"a\"" + ")".repeat(5000))),
                Arguments.of("no start", lark.apply("a: \"b\"")),
                Arguments.of("undefined rule", lark.apply("start: x")),
                Arguments.of("only itself", lark.apply("start: start")),
                Arguments.of("special token", lark.apply("start: <|im_end|>")),
                Arguments.of("number of a special token", lark.apply("start: <[0]>")),
                Arguments.of("special token behind a comment", lark.apply("# \"\nstart: <[0]>\n# \"")),
                Arguments.of(
                        "rule with a parameter",
                        lark.apply("start: p::0\np::_: e p::incr(_) | \"x\"\ne: \"\" | \"z\"")),
                Arguments.of(
                        "doubled terminals",
                        lark.apply("start: A0\n"
                                + IntStream.range(0, 40)
                                        .mapToObj(i -> "A%d: A%d A%d\n".formatted(i, i + 1, i + 1))
                                        .collect(Collectors.joining())
                                + "A40: \"a\"")),
                Arguments.of(
                        "nested terminals",
                        lark.apply("start: A0\n"
                                + IntStream.range(0, 3000)
                                        .mapToObj(i -> "A%d: A%d{2,3}\n".formatted(i, i + 1))
                                        .collect(Collectors.joining())
                                + "A3000: \"a\"")),
                Arguments.of("many classes", regex.apply("^" + "\\w".repeat(30_000))),
                Arguments.of("large classes without case", regex.apply("(?i)" + "[\\x00-\\x{10ffff}]".repeat(3000))),
                Arguments.of("large multiple", schema.apply("{\"multipleOf\":4000000000}")),
                Arguments.of(
                        "product of multiples",
                        schema.apply("{\"allOf\":[{\"multipleOf\":65536},{\"multipleOf\":65537}]}")),
                Arguments.of(
                        "product of multiples in a pattern of keys",
                        schema.apply(
                                "{\"properties\":{\"p\":{\"multipleOf\":100000}},\"patternProperties\":{\"^q\":{\"enum\":["
                                        + joined(900, Integer::toString)
                                        + "]},\"^p\":{\"multipleOf\":100000}}}")),
                Arguments.of(
                        "many different brackets",
                        regex.apply(IntStream.range(0, 4500)
                                .mapToObj(i -> "[^\\W\\x{%x}]".formatted(0x4e00 + i))
                                .collect(Collectors.joining()))),
                Arguments.of(
                        "product behind a part that accepts everything",
                        schema.apply("{\"allOf\":[{\"anyOf\":["
                                + joined(1500, i -> "{\"required\":[\"r" + i + "\"]}")
                                + "]}],\"anyOf\":[{},{\"properties\":{\"x\":{\"properties\":{"
                                + joined(1500, i -> "\"p" + i + "\":{}")
                                + "}}}}]}")),
                Arguments.of("schema in a grammar", lark.apply("start: %json {\"x-guidance\": {\"lenient\": true}}")),
                Arguments.of("too many bytes", regex.apply("a".repeat(300_000))));
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Is refused with a code and a short message")
    @MethodSource("refused")
    void isRefused(String name, AnswerFormat format) {
        GrammarException refusal = formats.refusal(format).orElseThrow(() -> new AssertionError("accepted"));
        assertThat(refusal.code())
                .isIn(GrammarException.UNSUPPORTED, GrammarException.TOO_LARGE, GrammarException.TOO_SLOW);
        assertThat(refusal.getMessage()).isNotBlank().hasSizeLessThan(600).doesNotContain("panic", "backtrace", ".rs");
    }

    static Stream<Arguments> products() {
        String integers = joined(15, i -> "\"p" + i + "\":{\"type\":\"integer\"}");
        return Stream.of(
                Arguments.of("50 x 50 with 15 properties", product(50, "ab", integers)),
                Arguments.of("20 x 20 x 20", product(20, "abc", "")));
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Whose alternatives multiply is too large: an error of its request, not of the server")
    @MethodSource("products")
    void isTooLarge(String name, AnswerFormat schema) {
        try (Formats usual = new Formats(Tokenizers.BYTE_LEVEL, 450, GrammarLimits.DEFAULT)) {
            assertThat(usual.refusal(schema))
                    .hasValueSatisfying(refusal -> assertThat(refusal.code()).isEqualTo(GrammarException.TOO_LARGE));
        }
    }

    /** Objects that have the properties, and for each letter one of some required names. */
    private static AnswerFormat product(int count, String letters, String properties) {
        String lists = letters.chars()
                .mapToObj(letter -> "{\"anyOf\":["
                        + joined(count, i -> "{\"type\":\"object\",\"required\":[\"" + (char) letter + i + "\"]}")
                        + "]}")
                .collect(Collectors.joining(","));
        return new AnswerFormat.JsonSchema("{\"properties\":{" + properties + "},\"allOf\":[" + lists + "]}");
    }

    /** The parts of all numbers below a count, with commas between them. */
    private static String joined(int count, IntFunction<String> part) {
        return IntStream.range(0, count).mapToObj(part).collect(Collectors.joining(","));
    }

    static Stream<Arguments> expensive() {
        Function<String, AnswerFormat> schema = AnswerFormat.JsonSchema::new;
        Function<String, AnswerFormat> regex = AnswerFormat.Regex::new;
        Function<String, AnswerFormat> lark = AnswerFormat.Grammar::new;
        return Stream.of(
                Arguments.of("huge enum", schema.apply("{\"enum\":[" + joined(20_000, i -> "\"v" + i + "\"") + "]}")),
                Arguments.of(
                        "many properties",
                        schema.apply("{\"properties\":{"
                                + joined(5000, i -> "\"p" + i + "\":{\"type\":\"integer\"}")
                                + "}}")),
                Arguments.of(
                        "many alternatives of one",
                        schema.apply("{\"oneOf\":[" + joined(3000, i -> "{\"const\":\"c" + i + "\"}") + "]}")),
                Arguments.of(
                        "many patterns of keys",
                        schema.apply("{\"patternProperties\":{"
                                + joined(300, i -> "\"^k" + i + "[a-z]+$\":{\"type\":\"integer\"}")
                                + "}}")),
                Arguments.of(
                        "recursive in many ways",
                        schema.apply("{\"$defs\":{\"n\":{\"anyOf\":["
                                + joined(
                                        200,
                                        i -> "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/n\"},\"minItems\":" + i
                                                + "}")
                                + "]}},\"$ref\":\"#/$defs/n\"}")),
                Arguments.of(
                        "nested items",
                        schema.apply("{\"type\":\"array\",\"minItems\":99999,\"items\":{\"type\":\"array\","
                                + "\"maxItems\":99999,\"items\":{\"type\":\"array\",\"maxItems\":99999}}}")),
                Arguments.of("nested counts", regex.apply("((((a{1,1000}){1,1000}){1,1000}b){1,1000}){1,1000}c")),
                Arguments.of("exponential regex", regex.apply("(a|b)*a(a|b){60}")),
                Arguments.of("counted alternatives", regex.apply("((a|ab|abc|abcd){1,500}x?){1,500}")),
                Arguments.of("long regex", regex.apply("(a?b?c?){1,3}".repeat(3000))),
                Arguments.of("large classes", regex.apply("\\p{L}{1,100}\\w{1,1000}[^\\p{Lu}]{5,500}".repeat(20))),
                Arguments.of("ambiguous grammar", lark.apply("start: s\ns: s s s | s s | \"a\" | \"\"")),
                Arguments.of(
                        "many empty rules",
                        lark.apply("start: a a a a a a a a a a a a b\na: a a | \"\" | \"x\"\nb: \"y\"")),
                Arguments.of(
                        "many rules",
                        lark.apply("start: r0\n"
                                + IntStream.range(0, 3000)
                                        .mapToObj(i -> "r" + i + ": \"(\" r" + (i + 1) + " \")\" | r" + (i + 1) + "\n")
                                        .collect(Collectors.joining())
                                + "r3000: \"x\"")),
                Arguments.of("count of a rule", lark.apply("start: a{0,100000}\na: \"x\" | \"y\" a")),
                Arguments.of(
                        "intersection",
                        lark.apply("start: A\nA: /(a|b)*a(a|b){20}/ & /(a|b)*b(a|b){21}/ & ~/a{50,}/")));
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Is refused, or gives masks or a failed row")
    @MethodSource("expensive")
    void staysWithinLimits(String name, AnswerFormat format) {
        CompiledGrammar grammar;
        try {
            grammar = formats.compiler().compile(format);
        } catch (GrammarException e) {
            System.out.println(name + ": " + e.code());
            return;
        }
        int steps = walk(grammar, new Random(1));
        System.out.println(name + ": " + grammar.bytes() + " bytes, " + steps + " steps");
        assertThat(grammar.bytes()).isLessThan(LIMITS.grammarBytes());
        grammar.close();
    }

    @Test
    @DisplayName("Of random bytes, or with random changes, never ends the process")
    void randomFormats() {
        Random random = new Random(26);
        List<AnswerFormat> seeds = new ArrayList<>();
        expensive().forEach(each -> seeds.add((AnswerFormat) each.get()[1]));
        String pieces = "{}[]()\"\\:,|*+?.^$-&~/<>%_\n 019azé{1,9}\"type\"start: ";
        int accepted = 0;
        for (int i = 0; i < Integer.getInteger("tidemark.test.formats", 300); i++) {
            StringBuilder text = new StringBuilder();
            if (random.nextBoolean()) {
                String seed = text(seeds.get(random.nextInt(seeds.size())));
                int from = random.nextInt(seed.length());
                text.append(seed, from, Math.min(seed.length(), from + random.nextInt(200)));
            }
            for (int k = random.nextInt(20); k >= 0; k--) {
                int at = random.nextInt(text.length() + 1);
                text.insert(at, (char)
                        (random.nextInt(4) == 0
                                ? random.nextInt(0xD800)
                                : pieces.charAt(random.nextInt(pieces.length()))));
            }
            AnswerFormat format =
                    switch (random.nextInt(3)) {
                        case 0 -> new AnswerFormat.Regex(text.toString());
                        case 1 -> new AnswerFormat.Grammar("start: " + text);
                        default -> new AnswerFormat.JsonSchema(text.toString());
                    };
            try (CompiledGrammar grammar = formats.compiler().compile(format)) {
                walk(grammar, random);
                accepted++;
            } catch (GrammarException e) {
                assertThat(e.getMessage()).doesNotContain("panic", "backtrace");
            }
        }
        System.out.println(accepted + " random formats accepted");
        assertThat(accepted).isPositive();
    }

    /** Random steps; returns how many there were. */
    private static int walk(CompiledGrammar grammar, Random random) {
        int last = -1;
        try (GrammarState state = grammar.start()) {
            for (int step = 0; step < STEPS; step++) {
                RowStatus status = formats.next(state, last);
                if (!status.equals(RowStatus.OK)) {
                    return step;
                }
                List<Integer> allowed = formats.allowed();
                last = allowed.get(random.nextInt(allowed.size()));
                if (last == Formats.END) {
                    return step;
                }
            }
        }
        return STEPS;
    }

    private static String text(AnswerFormat format) {
        if (format instanceof AnswerFormat.JsonSchema schema) {
            return schema.schema();
        }
        return format instanceof AnswerFormat.Regex regex ? regex.regex() : ((AnswerFormat.Grammar) format).lark();
    }
}
