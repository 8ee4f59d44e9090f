package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.Bounds;
import io.tidemark.fixture.Folders;
import io.tidemark.jinja.JinjaException;
import io.tidemark.jinja.JinjaTemplate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Label;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Chat templates and tokenizers with the texts of hostile clients. */
@Label("Texts of hostile clients")
class HostileTextTest {

    private static final Bounds RENDERING = new Bounds(50, 50_000, 400, 8 << 20);
    private static final Bounds TOKENIZING = new Bounds(10, 10_000, 200, 8 << 20);
    private static final Path TEMPLATES = Path.of("src/test/resources/chat/templates");

    private static List<JinjaTemplate> templates;
    private static List<TextTokenizer> tokenizers;

    @BeforeContainer
    static void load() throws IOException {
        try (Stream<Path> files = Files.list(TEMPLATES)) {
            templates = files.filter(file -> file.toString().endsWith(".jinja"))
                    .sorted()
                    .map(HostileTextTest::template)
                    .toList();
        }
        tokenizers = Stream.of("llama-gqa", "qwen3-window-yarn", "mistral-window")
                .map(name -> TextTokenizer.load(Folders.model(name)))
                .toList();
    }

    @AfterContainer
    static void close() {
        tokenizers.forEach(TextTokenizer::close);
    }

    private static JinjaTemplate template(Path file) {
        try {
            return JinjaTemplate.parse(Files.readString(file), ZonedDateTime::now);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Provide
    static Arbitrary<String> texts() {
        Arbitrary<String> parts = Arbitraries.of(
                "a",
                " ",
                "\n",
                "\t",
                "<|im_end|>",
                "</s>",
                "<0x41>",
                "<",
                "{{",
                "}}",
                "{%",
                "\u0000",
                "\u00e9",
                "e\u0301",
                "\ud83d\ude00",
                "\u200d",
                "\u4e2d",
                "\uFFFD",
                "'",
                "\"",
                "\\",
                "aA",
                "1",
                "__",
                "...",
                "</think>",
                "\r",
                "\u0085",
                "\u2028");
        return Arbitraries.frequencyOf(
                Tuple.of(3, Arbitraries.strings().ofMaxLength(300).map(HostileTextTest::wellFormed)),
                Tuple.of(3, parts.list().ofMaxSize(100).map(list -> String.join("", list))),
                Tuple.of(
                        1,
                        Combinators.combine(parts, Arbitraries.integers().between(1000, 10_000))
                                .as(String::repeat)));
    }

    @Provide
    static Arbitrary<Map<String, Object>> messages() {
        Arbitrary<String> roles = Arbitraries.of("system", "user", "assistant", "tool", "developer", "other", "");
        Arbitrary<Object> contents = Arbitraries.oneOf(texts().map(text -> (Object) text), values(2));
        return Combinators.combine(
                        roles,
                        contents,
                        Arbitraries.maps(
                                        Arbitraries.of(
                                                "name",
                                                "tool_calls",
                                                "tool_call_id",
                                                "reasoning_content",
                                                "thinking",
                                                "x"),
                                        values(3))
                                .ofMaxSize(3))
                .as((role, content, fields) -> {
                    Map<String, Object> message = new LinkedHashMap<>();
                    message.put("role", role);
                    message.put("content", content);
                    message.putAll(fields);
                    return message;
                });
    }

    private static Arbitrary<Object> values(int depth) {
        Arbitrary<Object> scalars = Arbitraries.of(true, false, 0, -1, 1L << 40, 1.5, 1e300, "", "a", "tool");
        return depth == 0
                ? scalars
                : Arbitraries.oneOf(
                        scalars,
                        Arbitraries.lazy(() -> values(depth - 1))
                                .list()
                                .ofMaxSize(4)
                                .map(list -> (Object) list),
                        Arbitraries.maps(
                                        Arbitraries.of("type", "text", "function", "name", "arguments", "a"),
                                        Arbitraries.lazy(() -> values(depth - 1)))
                                .ofMaxSize(4)
                                .map(map -> (Object) map));
    }

    @Property(tries = 200)
    @Label("A template renders any messages or fails with its own exception")
    void renders(@ForAll("conversations") List<Map<String, Object>> messages) {
        long size = messages.toString().length();
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("messages", messages);
        variables.put("tools", messages.size() % 2 == 0 ? null : messages);
        variables.put("add_generation_prompt", true);
        variables.put("bos_token", "<s>");
        variables.put("eos_token", "</s>");
        for (JinjaTemplate template : templates) {
            RENDERING.call(size, () -> orRejected(() -> template.render(variables)));
        }
    }

    @Provide
    static Arbitrary<List<Map<String, Object>>> conversations() {
        return messages().list().ofMaxSize(8);
    }

    @Property(tries = 300)
    @Label("A template source is parsed or rejected, and a broken template fails when it renders")
    void sources(@ForAll("sources") String source) {
        RENDERING.call(
                source.length(),
                () -> orRejected(() -> JinjaTemplate.parse(source, ZonedDateTime::now)
                        .render(Map.of("messages", List.of(Map.of("role", "user", "content", "a b c")), "a", "text"))));
    }

    @Provide
    static Arbitrary<String> sources() {
        return Arbitraries.of(
                        "{{",
                        "}}",
                        "{%",
                        "%}",
                        "{#",
                        "#}",
                        "-",
                        " ",
                        "messages",
                        "a",
                        "if",
                        "else",
                        "endif",
                        "for",
                        "m",
                        "in",
                        "endfor",
                        "set",
                        "macro",
                        "(",
                        ")",
                        "[",
                        "]",
                        "{",
                        "}",
                        "'x'",
                        "1",
                        "0",
                        "|",
                        "tojson",
                        "trim",
                        "length",
                        ".",
                        ",",
                        ":",
                        "=",
                        "==",
                        "+",
                        "*",
                        "/",
                        "//",
                        "%",
                        "~",
                        "not",
                        "is",
                        "defined",
                        "loop",
                        "replace",
                        "split",
                        "join",
                        "namespace",
                        "{{ a }}",
                        "{% if a %}",
                        "{% endif %}",
                        "{% for m in messages %}",
                        "{% endfor %}",
                        "{{ m['role'] }}",
                        "\n")
                .list()
                .ofMaxSize(40)
                .map(words -> String.join(" ", words));
    }

    @Property(tries = 150)
    @Label("A method or filter costs a bounded multiple of its text")
    void methods(@ForAll("methods") String method, @ForAll("longTexts") String text) {
        JinjaTemplate template = JinjaTemplate.parse("{{ (" + method + ") }}", ZonedDateTime::now);
        RENDERING.call(text.length(), () -> orRejected(() -> template.render(Map.of("text", text))));
    }

    @Provide
    static Arbitrary<String> methods() {
        return Arbitraries.of(
                "text.strip()",
                "text.strip('a ')",
                "text.lstrip()",
                "text.rstrip()",
                "text.split()",
                "text.split(None, 3)",
                "text.split(' ')",
                "text.split('a', 2)",
                "text.rsplit()",
                "text.rsplit(' ')",
                "text.rsplit('a', 2)",
                "text.splitlines()",
                "text.replace('a', 'b')",
                "text.replace('', 'b')",
                "text.upper()",
                "text.lower()",
                "text.title()",
                "text.capitalize()",
                "text.find('b')",
                "text.count('a')",
                "text.startswith('a')",
                "text.endswith('a')",
                "'b' in text",
                "text[::-1]",
                "text[1:]",
                "text | trim",
                "text | replace('a', 'b')",
                "text | length",
                "text | tojson",
                "text | list | length",
                "text | upper",
                "text | title",
                "text | capitalize",
                "text | reverse",
                "text | indent(4)",
                "text | string",
                "text | first",
                "text | last",
                "text.split() | join(' ')",
                "text + text",
                "text ~ text",
                "text * 3",
                "text.partition('a')",
                "text.isupper()",
                "text.islower()",
                "text | int",
                "text | float");
    }

    @Provide
    static Arbitrary<String> longTexts() {
        return Combinators.combine(
                        Arbitraries.of("a", " ", "a ", "\n", "  a", "A", "ab\n", "\ud83d\ude00", "9"),
                        Arbitraries.integers().between(10_000, 50_000))
                .as(String::repeat);
    }

    @Property(tries = 100)
    @Label("A tokenizer encodes any text")
    void tokenizes(@ForAll("texts") String text) {
        for (TextTokenizer tokenizer : tokenizers) {
            List<Integer> plain = TOKENIZING.call(4L * text.length(), () -> tokenizer.encodePlain(text));
            List<Integer> prompt = TOKENIZING.call(4L * text.length(), () -> tokenizer.encodePrompt(text));
            assertThat(prompt).hasSizeGreaterThanOrEqualTo(plain.size());
            TOKENIZING.call(4L * text.length() + 4L * plain.size(), () -> tokenizer.decode(plain));
        }
    }

    @Property(tries = 100)
    @Label("A tokenizer encodes text with unpaired surrogates")
    void tokenizesUnpairedSurrogates(@ForAll String text) {
        for (TextTokenizer tokenizer : tokenizers) {
            TOKENIZING.call(4L * text.length(), () -> tokenizer.encodePlain(text));
        }
    }

    private static <T> Optional<T> orRejected(Supplier<T> rendering) {
        try {
            return Optional.of(rendering.get());
        } catch (JinjaException e) {
            return Optional.empty();
        }
    }

    private static String wellFormed(String text) {
        return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    }
}
