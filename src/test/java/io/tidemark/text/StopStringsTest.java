package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Stop strings")
class StopStringsTest {

    @Test
    @DisplayName("The text ends before the earliest stop string")
    void endAtTheEarliest() {
        StopStrings.Search stops = new StopStrings(List.of("END", "\n\n")).search();
        assertThat(stops.add("one\n\ntwo END")).isEqualTo("one");
        assertThat(stops.found()).isTrue();
        assertThat(stops.add("three") + stops.finish()).isEmpty();
    }

    @Test
    @DisplayName("stop strings are found across chunks, and their beginnings are held back")
    void areFoundAcrossBorders() {
        StopStrings.Search stops = new StopStrings(List.of("STOP")).search();
        assertThat(pieces(stops, "a", "bS", "T", "O", "P", "c")).containsExactly("a", "b", "", "", "", "");
        assertThat(stops.found()).isTrue();
    }

    @Test
    @DisplayName("Held-back text is released if it cannot become a stop string, or at the end")
    void releaseTextThatCannotBecomeAStop() {
        StopStrings.Search stops = new StopStrings(List.of("STOP")).search();
        assertThat(pieces(stops, "aST", "Ox", "STO")).containsExactly("a", "STOx", "");
        assertThat(stops.finish()).isEqualTo("STO");
        assertThat(stops.found()).isFalse();
    }

    @Test
    @DisplayName("Only the longest possible beginning of a stop string is held back")
    void holdBackTheLongestPrefixOnly() {
        assertThat(pieces(new StopStrings(List.of("aab")).search(), "aaa", "b")).containsExactly("a", "");
        assertThat(pieces(new StopStrings(List.of("xyz", "z!")).search(), "xy", "q", "z", "?"))
                .containsExactly("", "xyq", "", "z?");
    }

    @Test
    @DisplayName("Without stop strings all text passes")
    void mayBeNone() {
        assertThat(pieces(new StopStrings(List.of()).search(), "a", "", "b")).containsExactly("a", "", "b");
    }

    @ParameterizedTest(name = "chunks of {0}")
    @DisplayName("The text does not depend on the size of the chunks")
    @ValueSource(ints = {1, 2, 3, 5, 7, 100})
    void doNotDependOnTheChunks(int size) {
        String text = "ab\nabc\n\nabcabd<|e<|end|>tail";
        for (List<String> stops :
                List.of(List.of("<|end|>"), List.of("\n\na", "bcabd"), List.of("abd<", "abcabx"), List.of("none"))) {
            StopStrings.Search found = new StopStrings(stops).search();
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

    @Test
    @DisplayName("Of the stop strings that are complete with a chunk, the one that begins first ends the text")
    void endAtTheFirstBeginningInAChunk() {
        StopStrings stops = new StopStrings(List.of("c", "abcd"));
        assertThat(pieces(stops.search(), "xabcd")).containsExactly("x");
        assertThat(pieces(stops.search(), "xabc", "d")).containsExactly("xab", "");
    }

    @Test
    @DisplayName("An empty stop string is refused")
    void areNotEmpty() {
        assertThatThrownBy(() -> new StopStrings(List.of("a", "")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("empty");
    }

    @Test
    @DisplayName("Each chunk gives the text of a plain search, whatever overlaps, repeats and surrogates there are")
    void areThoseOfAPlainSearch() {
        Random random = new Random(3);
        String[] alphabet = {"a", "b", "ab", "\uD83D\uDE42", "\uD83D", "\uDE42"};
        int found = 0;
        for (int run = 0; run < 20_000; run++) {
            int letters = 1 + random.nextInt(alphabet.length);
            int length = 1 + random.nextInt(6);
            List<String> stops = Stream.generate(() -> text(random, alphabet, letters, 1 + random.nextInt(length)))
                    .limit(random.nextInt(5))
                    .toList();
            StopStrings.Search search = new StopStrings(stops).search();
            PlainSearch plain = new PlainSearch(stops);
            for (int chunk = 0; chunk < 8; chunk++) {
                String next = text(random, alphabet, letters, random.nextInt(5));
                assertThat(search.add(next)).as("%s after %s", next, stops).isEqualTo(plain.add(next));
                assertThat(search.found()).isEqualTo(plain.found);
            }
            found += plain.found ? 1 : 0;
            assertThat(search.finish()).isEqualTo(plain.finish());
        }
        assertThat(found).isBetween(2_000, 18_000);
    }

    private static String text(Random random, String[] alphabet, int letters, int length) {
        return random.ints(length, 0, letters).mapToObj(i -> alphabet[i]).collect(Collectors.joining());
    }

    /** Compares each stop string with each place of the text. */
    private static final class PlainSearch {

        private final List<String> stops;
        private String heldBack = "";
        private boolean found;

        private PlainSearch(List<String> stops) {
            this.stops = stops;
        }

        private String add(String chunk) {
            if (found) {
                return "";
            }
            heldBack += chunk;
            int first = stops.stream()
                    .mapToInt(heldBack::indexOf)
                    .filter(i -> i >= 0)
                    .min()
                    .orElse(-1);
            found = first >= 0;
            int sent = found ? first : heldBack.length() - longestBeginning();
            String text = heldBack.substring(0, sent);
            heldBack = found ? "" : heldBack.substring(sent);
            return text;
        }

        private int longestBeginning() {
            for (int length = heldBack.length(); length > 0; length--) {
                String end = heldBack.substring(heldBack.length() - length);
                if (stops.stream().anyMatch(stop -> stop.length() > end.length() && stop.startsWith(end))) {
                    return length;
                }
            }
            return 0;
        }

        private String finish() {
            return heldBack;
        }
    }

    private static List<String> pieces(StopStrings.Search stops, String... pieces) {
        List<String> shown = new ArrayList<>();
        for (String piece : pieces) {
            shown.add(stops.add(piece));
        }
        return shown;
    }
}
