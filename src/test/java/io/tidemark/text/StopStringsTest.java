package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Stop strings")
class StopStringsTest {

    @Test
    @DisplayName("The text ends before the earliest stop string")
    void endAtTheEarliest() {
        StopStrings stops = new StopStrings(List.of("END", "\n\n"));
        assertThat(stops.add("one\n\ntwo END")).isEqualTo("one");
        assertThat(stops.found()).isTrue();
        assertThat(stops.add("three") + stops.finish()).isEmpty();
    }

    @Test
    @DisplayName("stop strings are found across chunks, and their beginnings are held back")
    void areFoundAcrossBorders() {
        StopStrings stops = new StopStrings(List.of("STOP"));
        assertThat(pieces(stops, "a", "bS", "T", "O", "P", "c")).containsExactly("a", "b", "", "", "", "");
        assertThat(stops.found()).isTrue();
    }

    @Test
    @DisplayName("Held-back text is released if it cannot become a stop string, or at the end")
    void releaseTextThatCannotBecomeAStop() {
        StopStrings stops = new StopStrings(List.of("STOP"));
        assertThat(pieces(stops, "aST", "Ox", "STO")).containsExactly("a", "STOx", "");
        assertThat(stops.finish()).isEqualTo("STO");
        assertThat(stops.found()).isFalse();
    }

    @Test
    @DisplayName("Only the longest possible beginning of a stop string is held back")
    void holdBackTheLongestPrefixOnly() {
        assertThat(pieces(new StopStrings(List.of("aab")), "aaa", "b")).containsExactly("a", "");
        assertThat(pieces(new StopStrings(List.of("xyz", "z!")), "xy", "q", "z", "?"))
                .containsExactly("", "xyq", "", "z?");
    }

    @Test
    @DisplayName("Without stop strings all text passes")
    void mayBeNone() {
        assertThat(pieces(new StopStrings(List.of()), "a", "", "b")).containsExactly("a", "", "b");
    }

    @ParameterizedTest(name = "chunks of {0}")
    @DisplayName("The text does not depend on the size of the chunks")
    @ValueSource(ints = {1, 2, 3, 5, 7, 100})
    void doNotDependOnTheChunks(int size) {
        String text = "ab\nabc\n\nabcabd<|e<|end|>tail";
        for (List<String> stops :
                List.of(List.of("<|end|>"), List.of("\n\na", "bcabd"), List.of("abd<", "abcabx"), List.of("none"))) {
            StopStrings found = new StopStrings(stops);
            StringBuilder shown = new StringBuilder();
            for (int at = 0; at < text.length(); at += size) {
                shown.append(found.add(text.substring(at, Math.min(text.length(), at + size))));
            }
            shown.append(found.finish());
            int end = stops.stream()
                    .mapToInt(text::indexOf)
                    .filter(i -> i >= 0)
                    .min()
                    .orElse(text.length());
            assertThat(shown).as("stops %s", stops).hasToString(text.substring(0, end));
        }
    }

    private static List<String> pieces(StopStrings stops, String... pieces) {
        List<String> shown = new ArrayList<>();
        for (String piece : pieces) {
            shown.add(stops.add(piece));
        }
        return shown;
    }
}
