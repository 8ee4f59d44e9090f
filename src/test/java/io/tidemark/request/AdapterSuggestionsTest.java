package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class AdapterSuggestionsTest {

    @Test
    @DisplayName("The nearest id is suggested, also one that is longer or shorter")
    void nearest() {
        AdapterSuggestions suggestions = new AdapterSuggestions(List.of("all", "qv", "restaurants", "restaurant-2"));
        assertThat(suggestions.similarTo("alll")).contains("all");
        assertThat(suggestions.similarTo("restaurant")).contains("restaurants");
        assertThat(suggestions.similarTo("restaurant2")).contains("restaurants");
        assertThat(suggestions.similarTo("restaurant_2")).contains("restaurant-2");
        assertThat(suggestions.similarTo("q")).contains("qv");
    }

    @Test
    @DisplayName("An id that differs in more than a third of the name, or in more than 5 characters, is not suggested")
    void tooFar() {
        AdapterSuggestions suggestions = new AdapterSuggestions(List.of("abcdef", "x".repeat(60)));
        assertThat(suggestions.similarTo("abcxyz")).isEmpty();
        assertThat(suggestions.similarTo("x".repeat(55))).contains("x".repeat(60));
        assertThat(suggestions.similarTo("x".repeat(54))).isEmpty();
        assertThat(suggestions.similarTo("y".repeat(256))).isEmpty();
    }

    @Test
    @DisplayName("Of many ids of similar length only a fixed number is compared")
    void bounded() {
        List<String> ids = new ArrayList<>(IntStream.range(0, AdapterSuggestions.MAX_COMPARED)
                .mapToObj(i -> String.format("%06d", i))
                .toList());
        assertThat(new AdapterSuggestions(append(ids.subList(1, ids.size()), "tenant")).similarTo("tenanx"))
                .contains("tenant");
        assertThat(new AdapterSuggestions(append(ids, "tenant")).similarTo("tenanx"))
                .isEmpty();
    }

    @Test
    @DisplayName("Without ids nothing is suggested")
    void none() {
        assertThat(AdapterSuggestions.NONE.similarTo("all")).isEmpty();
    }

    private static List<String> append(List<String> ids, String last) {
        List<String> all = new ArrayList<>(ids);
        all.add(last);
        return all;
    }
}
