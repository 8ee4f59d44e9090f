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

/** What agrees with transformers is tested by its own renderings; here is what a failing template says. */
@DisplayName("a template")
class JinjaTemplateTest {

    private static final String SECRET = "the sender's words";

    @ParameterizedTest(name = "{0}")
    @DisplayName("that uses what is not known fails when it is read, with the name and the line")
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "{{ x | frobnicate }}; line 2: the filter 'frobnicate' is not known here",
                "{{ x is purple }}; line 2: the test 'purple' is not known here",
                "{% do x %}; line 2: the tag 'do' is not known here",
                "{% include 'x' %}; line 2: the tag 'include' is not known here",
                "{% for a in x recursive %}{% endfor %}; line 2: expected a loop that is not recursive, not 'recursive'",
                "{% for a in x %}; line 2: the template ends before else or endfor",
                "{{ f(*x) }}; line 2: arguments can't be unpacked with '*' here",
                "{{ x; line 2: an expression is not closed",
                "{# x; line 2: a comment that is not closed",
                "{% if x %}{% endfor %}{% endif %}; line 2: the tag 'endfor' is not known here"
            })
    void namesWhatItDoesNotKnow(String source, String reason) {
        assertThatThrownBy(() -> parsed("first\n" + source + "\n"))
                .isInstanceOf(JinjaException.class)
                .hasMessage(reason);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("that does what Python would not do fails with names and types, and never with the sender's words")
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "{{ text + 1 }}; can't add 'str' and 'int'",
                "{{ text.foo.bar }}; 'str' object has no attribute 'foo'",
                "{{ missing.foo }}; 'missing' is undefined",
                "{{ map.foo() }}; 'dict' object has no attribute 'foo'",
                "{% for x in none %}{% endfor %}; 'NoneType' object is not iterable",
                "{{ text() }}; 'str' object is not callable",
                "{{ [1].append(text) }}; a template may not change a list: 'append'",
                "{{ map.update(map) }}; a template may not change a dictionary: 'update'",
                "{{ [1, 2] | reverse }}; a value of type 'generator' can't be printed",
                "{% set text.x = 1 %}; 'text' is no namespace, and only a namespace's attributes can be set",
                "{{ text % 1 }}; a format has fewer fields than values",
                "{{ text | tojson(indnt=2) }}; tojson takes no argument 'indnt' here",
                "{{ '{}'.format(text) }}; 'str' object has no attribute 'format'",
                "{{ range(1000000) }}; a range of more than 100000 numbers",
                "{{ 2 ** 64 }}; an integer beyond 64 bits",
                "{{ 'x' * 99999999 * 9 }}; a text repeated too often",
                "{{ (text | safe) | trim }}; the filter 'trim' is not known here on text that is 'safe'",
                "{{ strftime_now('%Q') }}; strftime_now does not know '%Q' here"
            })
    void failsLikePython(String source, String reason) {
        assertThatThrownBy(() -> rendered("{% if true %}\n" + source + "{% endif %}"))
                .isInstanceOf(JinjaException.class)
                .hasMessage("line 2: " + reason)
                .hasMessageNotContaining(SECRET);
    }

    @Test
    @DisplayName("that raises an exception fails with its own words")
    void passesItsWordsOn() {
        assertThatThrownBy(() -> rendered("{{ raise_exception('no ' + text) }}"))
                .isInstanceOfSatisfying(JinjaException.class, failure -> {
                    assertThat(failure.isRaised()).isTrue();
                    assertThat(failure).hasMessage("no " + SECRET);
                });
    }

    @Test
    @DisplayName("that calls itself without end, or nests without end, fails")
    void endsInEndlessness() {
        assertThatThrownBy(() -> rendered("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"))
                .isInstanceOf(JinjaException.class)
                .hasMessageContaining("too deeply");
        assertThatThrownBy(() -> parsed("{{ " + "(".repeat(100_000) + " }}")).isInstanceOf(JinjaException.class);
    }

    @Test
    @DisplayName("never reads a sender's text as a template, and writes it as it is")
    void leavesTextAlone() {
        String text = "{{ 1 + 1 }} {% raw %} <b>&amp;</b> {# note #}\r\n";
        assertThat(parsed("{{ text }}").render(Map.of("text", text))).isEqualTo(text);
    }

    @Test
    @DisplayName("keeps nothing from one rendering to the next")
    void forgets() {
        JinjaTemplate template = parsed(
                "{{ seen is defined }}{% set seen = 1 %}{% set n = namespace(x=0) %}{% set n.x = n.x + 1 %}{{ n.x }}");
        assertThat(template.render(Map.of())).isEqualTo("False1");
        assertThat(template.render(Map.of())).isEqualTo("False1");
    }

    private static JinjaTemplate parsed(String source) {
        return JinjaTemplate.parse(source, ZonedDateTime::now);
    }

    private static String rendered(String source) {
        return parsed(source).render(Map.of("text", SECRET, "map", Map.of("key", SECRET), "list", List.of(SECRET)));
    }
}
