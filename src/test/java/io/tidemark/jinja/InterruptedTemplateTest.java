package io.tidemark.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.Bounds;
import java.time.ZonedDateTime;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A template with large values")
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class InterruptedTemplateTest {

    private static final int MANY = 10_000;

    @ParameterizedTest(name = "{0}")
    @DisplayName("Ends soon after an interruption")
    @ValueSource(
            strings = {
                "{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}",
                "{% for a in many %}{% for b in many if b == a %}{% endfor %}{% endfor %}",
                "{% for a in many %}{{ many | join }}{% endfor %}",
                "{% macro m() %}{% for a in many %}{% endfor %}{% endmacro %}{% for a in many %}{{ m() }}{% endfor %}",
                "{% set ns = namespace(t='') %}{% for a in many %}{% set ns.t = ns.t + a %}{% endfor %}",
                "{% for a in many %}{{ text.split() | length }}{% endfor %}"
            })
    void ends(String source) {
        AtomicInteger asked = new AtomicInteger();
        Map<String, Object> variables =
                Map.of("many", Collections.nCopies(MANY, "element"), "text", "word ".repeat(MANY));
        assertThatThrownBy(() -> parse(source).render(variables, () -> asked.incrementAndGet() > 1_000))
                .isInstanceOfSatisfying(JinjaException.class, e -> {
                    assertThat(e.isInterrupted()).isTrue();
                    assertThat(e.isRaised()).isFalse();
                });
        assertThat(asked).hasValue(1_001);
    }

    @Test
    @DisplayName("Is split into words, and from the right, in linear time")
    void splits() {
        Bounds bounds = new Bounds(10, 100, 200, 1 << 20);
        String text = "a ".repeat(500_000);
        assertThat(bounds.call(text.length(), () -> PythonStrings.words(text, -1)))
                .hasSize(500_000);
        assertThat(bounds.call(text.length(), () -> PythonStrings.splitRight(text, " ", -1)))
                .hasSize(500_001);
    }

    @Test
    @DisplayName("Is split as in Python")
    void splitsAsInPython() {
        assertThat(PythonStrings.words(" a  bc\td ", -1)).isEqualTo(List.of("a", "bc", "d"));
        assertThat(PythonStrings.words(" a  bc d ", 1)).isEqualTo(List.of("a", "bc d "));
        assertThat(PythonStrings.words("  ", -1)).isEmpty();
        assertThat(PythonStrings.splitRight("a,b,,c", ",", 2)).isEqualTo(List.of("a,b", "", "c"));
        assertThat(PythonStrings.splitRight("aaa", "aa", -1)).isEqualTo(List.of("a", ""));
        assertThat(PythonStrings.splitRight(",a", ",", -1)).isEqualTo(List.of("", "a"));
    }

    @Test
    @DisplayName("Is made unique in linear time, by the equality of Python")
    void unique() {
        List<Object> numbers = new java.util.ArrayList<>();
        for (long i = 0; i < 500_000; i++) {
            numbers.add(i);
        }
        assertThat(parse("{{ many | unique | list | length }}").render(Map.of("many", numbers)))
                .isEqualTo("500000");
        assertThat(parse("{{ [1, 1.0, true, 'A', 'a', (1, 2), (1, 2)] | unique | list }}")
                        .render(Map.of()))
                .isEqualTo("[1, 'A', (1, 2)]");
    }

    @Test
    @DisplayName("Is not converted to a number in quadratic time if it is none")
    void numbers() {
        String text = "1".repeat(1_000_000) + "x";
        assertThat(parse("{{ text | int }} {{ text | float }}").render(Map.of("text", text)))
                .isEqualTo("0 0.0");
        assertThat(parse("{{ '1_0' | int }} {{ '1.' | float }} {{ '.5e1' | float }} {{ '-1_0.5' | float }}")
                        .render(Map.of()))
                .isEqualTo("10 1.0 5.0 -10.5");
    }

    private static JinjaTemplate parse(String source) {
        return JinjaTemplate.parse(source, ZonedDateTime::now);
    }
}
