package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class NearestNamesTest {

    @Test
    @DisplayName("The nearest id is suggested, also one that is longer or shorter")
    void nearest() {
        NearestNames suggestions = new NearestNames(List.of("all", "qv", "restaurants", "restaurant-2"));
        assertThat(suggestions.to("alll", 1)).contains("all");
        assertThat(suggestions.to("restaurant", 1)).contains("restaurants");
        assertThat(suggestions.to("restaurant2", 1)).containsAnyOf("restaurants", "restaurant-2");
        assertThat(suggestions.to("restaurant_2", 1)).contains("restaurant-2");
        assertThat(suggestions.to("q", 1)).contains("qv");
    }

    @Test
    @DisplayName("An id that differs in more than a third of the name, or in more than 5 characters, is not suggested")
    void tooFar() {
        NearestNames suggestions = new NearestNames(List.of("abcdef", "x".repeat(60)));
        assertThat(suggestions.to("abcxyz", 1)).isEmpty();
        assertThat(suggestions.to("x".repeat(55), 1)).contains("x".repeat(60));
        assertThat(suggestions.to("x".repeat(54), 1)).isEmpty();
        assertThat(suggestions.to("y".repeat(256), 1)).isEmpty();
    }

    @Test
    @DisplayName("Of many ids of similar length only a fixed number is compared")
    void bounded() {
        List<String> ids = new ArrayList<>(IntStream.range(0, NearestNames.MAX_COMPARED)
                .mapToObj(i -> String.format("%06d", i))
                .toList());
        assertThat(new NearestNames(append(ids.subList(1, ids.size()), "tenant")).to("tenanx", 1))
                .contains("tenant");
        assertThat(new NearestNames(append(ids, "tenant")).to("tenanx", 1)).isEmpty();
    }

    @Test
    @DisplayName("Several similar names are in order of their distance, then of the alphabet")
    void several() {
        NearestNames names = new NearestNames(List.of("abcxy", "abcdx", "abcde", "abcdf", "zzzzz"));
        assertThat(names.to("abcdef", 3)).containsExactly("abcde", "abcdf", "abcdx");
    }

    private static List<String> append(List<String> ids, String last) {
        List<String> all = new ArrayList<>(ids);
        all.add(last);
        return all;
    }
}
