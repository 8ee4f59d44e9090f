package io.tidemark.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.ZonedDateTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Tests statements, error messages and isolation. {@code ChatRenderingTest} compares expressions and whole chat
 * templates with transformers.
 */
@DisplayName("Jinja templates")
class JinjaTemplateTest {

    private static final String USER_TEXT = "text of a user";

    @ParameterizedTest(name = "{0}")
    @DisplayName("A syntax error or an unsupported feature fails to parse, and the message has its name and line")
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "{{ x | frobnicate }}; line 2: filter 'frobnicate' is not supported",
                "{{ x is purple }}; line 2: test 'purple' is not supported",
                "{% do x %}; line 2: tag 'do' is not supported",
                "{% include 'x' %}; line 2: tag 'include' is not supported",
                "{% for a in x recursive %}{% endfor %}; line 2: recursive loops are not supported",
                "{% for a in x %}; line 2: the template ends before 'else' or 'endfor'",
                "{% if x y %}{% endif %}; line 2: expected the end of the tag, found 'y'",
                "{{ x + }}; line 2: expected an expression, found the end of the tag",
                "{{ f(*x) }}; line 2: unpacking arguments with '*' is not supported",
                "{{ x; line 2: an expression is not closed: '}}' is missing",
                "{{ (x] }}; line 2: ']' has no opening bracket",
                "{# x; line 2: a comment is not closed: '#}' is missing",
                "{% if x %}{% endfor %}{% endif %}; line 2: tag 'endfor' is not supported"
            })
    void reportsSyntaxErrors(String source, String message) {
        assertThatThrownBy(() -> parse("first\n" + source + "\n"))
                .isInstanceOf(JinjaException.class)
                .hasMessage(message);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName(
            "A template that fails in Python fails to render, and the message has names and types but no text of the user")
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "{{ text + 1 }}; unsupported operand types for '+': 'str' and 'int'",
                "{{ text < 1 }}; cannot order 'str' and 'int'",
                "{{ text.foo.bar }}; 'str' object has no attribute 'foo'",
                "{{ missing.foo }}; 'missing' is undefined",
                "{{ map.foo() }}; 'dict' object has no attribute 'foo'",
                "{% for x in none %}{% endfor %}; 'NoneType' object is not iterable",
                "{% for a, b in [text] %}{% endfor %}; cannot unpack 14 values into 2",
                "{{ text() }}; 'str' object is not callable",
                "{{ [1].append(text) }}; a template cannot change a list: 'append'",
                "{{ map.update(map) }}; a template cannot change a dictionary: 'update'",
                "{{ [1, 2] | reverse }}; a value of type 'generator' cannot be printed",
                "{% set text.x = 1 %}; cannot set an attribute of 'text': it is not a namespace",
                "{{ text % 1 }}; too many arguments for the format string",
                "{{ text | tojson(indnt=2) }}; filter 'tojson' has no parameter 'indnt'",
                "{{ text | upper(1) }}; filter 'upper' takes at most 0 positional arguments, found 1",
                "{{ '{}'.format(text) }}; 'str' object has no attribute 'format'",
                "{{ range(1000000) }}; a range of more than 100000 numbers",
                "{{ 2 ** 64 }}; an integer of more than 64 bits",
                "{{ 'x' * 99999999 * 9 }}; a repeated string of more than 16777216 characters",
                "{{ (text | safe) | trim }}; filter 'trim' is not supported on the result of 'safe'",
                "{{ strftime_now('%Q') }}; the field '%Q' of strftime_now is not supported"
            })
    void reportsRenderingErrors(String source, String message) {
        assertThatThrownBy(() -> render("{% if true %}\n" + source + "{% endif %}"))
                .isInstanceOf(JinjaException.class)
                .hasMessage("line 2: " + message)
                .hasMessageNotContaining(USER_TEXT);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Statements have the output of Jinja2 3.1.6")
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "`{% for a, b in [(1, 2), 3] %}{{ a + b }}{% break %}{% endfor %}`; `3`",
                "`{% for i in [] %}x{% else %}empty{% endfor %}`; `empty`",
                "`{% for i in range(6) if i % 2 %}{{ loop.index }}/{{ loop.length }}:{{ i }} {% endfor %}"
                        + "`; `1/3:1 2/3:3 3/3:5 `",
                "`{% for i in [1, 1, 2] %}"
                        + "{{ loop.changed(i) }}{{ loop.cycle('a', 'b') }}{{ loop.previtem }}{{ loop.last }} {% endfor %}`"
                        + "; `TrueaFalse Falseb1False Truea1True `",
                "`{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}`; `231`",
                "`{% set n = namespace(x=1) %}{% for i in [1, 2] %}{% set n.x = n.x + i %}{% endfor %}{{ n.x }}`; `4`",
                "`{% macro m(c, a, b=a ~ '!') %}{{ a }}{{ b }}{{ c is defined }}{% endmacro %}"
                        + "{{ m(1) }} {{ m(1, a=2) }}`; `!True 22!True`",
                "`{% macro m(n) %}<{{ caller(n, n + 1) }}>{% endmacro %}{% call(x, y=5) m(1) %}"
                        + "{{ x }}{{ y }}{% endcall %}`; `<12>`",
                "`{% set x | trim | upper %} {{ 'a' }}b {% endset %}[{{ x }}]`; `[AB]`",
                "`{% filter replace('a', 'b') | upper %}banana{% endfilter %}`; `BBNBNB`",
                "`{% set a, (b, c) = 1, (2, 3) %}{{ a }}{{ b }}{{ c }}`; `123`",
                "`{% with a = 1, b = 2 %}{{ a + b }}{% set c = 3 %}{% endwith %}{{ c is defined }}`; `3False`",
                "`a\n  {% if true %}\nb\n  {%+ endif %}\n c {#- d -#} e`; `a\nb\n   ce`",
                "`{%- raw -%} {{ x }} {%- endraw %} y`; `{{ x }} y`",
                "`{{ '\\x41\\u00e9\\101\\n' | length }}{{ 'a' 'b' }}{{ '\\q' }}`; `4ab\\q`",
                "`{{ {'a': 1, 'a': 2} }}{{ {(1, 2): 'x'}[(1, 2)] }}`; `{'a': 2}x`",
                "`{{ -2 ** 2 }} {{ -3 | abs }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }}`; `4 3 True False`"
            })
    void rendersStatements(String source, String expected) {
        assertThat(render(source)).isEqualTo(expected);
    }

    @Test
    @DisplayName("A template that calls raise_exception fails with exactly that message")
    void failsWithTheRaisedMessage() {
        assertThatThrownBy(() -> render("{{ raise_exception('no ' + text) }}"))
                .isInstanceOfSatisfying(JinjaException.class, failure -> {
                    assertThat(failure.isRaised()).isTrue();
                    assertThat(failure).hasMessage("no " + USER_TEXT);
                });
    }

    @Test
    @DisplayName("Infinite recursion and very deep nesting fail with a JinjaException")
    void limitsDepth() {
        assertThatThrownBy(() -> render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"))
                .isInstanceOf(JinjaException.class)
                .hasMessageContaining("too deeply");
        assertThatThrownBy(() -> parse("{{ " + "(".repeat(100_000) + " }}")).isInstanceOf(JinjaException.class);
    }

    @Test
    @DisplayName("Variables are printed unchanged, and template syntax in them is not interpreted")
    void doesNotInterpretVariables() {
        String text = "{{ 1 + 1 }} {% raw %} <b>&amp;</b> {# note #}\r\n";
        assertThat(parse("{{ text }}").render(Map.of("text", text))).isEqualTo(text);
    }

    @Test
    @DisplayName("A template keeps no state between two renderings")
    void isStateless() {
        JinjaTemplate template = parse(
                "{{ seen is defined }}{% set seen = 1 %}{% set n = namespace(x=0) %}{% set n.x = n.x + 1 %}{{ n.x }}");
        assertThat(template.render(Map.of())).isEqualTo("False1");
        assertThat(template.render(Map.of())).isEqualTo("False1");
    }

    private static JinjaTemplate parse(String source) {
        return JinjaTemplate.parse(source, ZonedDateTime::now);
    }

    private static String render(String source) {
        return parse(source)
                .render(Map.of("text", USER_TEXT, "map", Map.of("key", USER_TEXT), "list", List.of(USER_TEXT)));
    }
}
