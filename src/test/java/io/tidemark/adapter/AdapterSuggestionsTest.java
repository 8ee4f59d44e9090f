package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class AdapterSuggestionsTest {

    @Test
    @DisplayName("The error for an unknown adapter names all adapters if they are few")
    void few() {
        assertThat(new AdapterSuggestions(() -> List.of("qv", "all"), "the list").unknown("nope"))
                .isEqualTo("no adapter 'nope'; the adapters are 'all', 'qv'");
    }

    @Test
    @DisplayName("The error for an unknown adapter names the nearest of many adapters, and what shows all")
    void many() {
        List<String> ids = Stream.concat(
                        IntStream.range(0, 500).mapToObj(i -> "other-" + i),
                        Stream.of("restaurants", "restaurant", "restaurant-2", "restaurants-3"))
                .toList();
        AdapterSuggestions suggestions = new AdapterSuggestions(() -> ids, "the list");
        assertThat(suggestions.unknown("resturants"))
                .isEqualTo("no adapter 'resturants'; did you mean 'restaurants' or 'restaurant' or 'restaurant-2'?"
                        + " the list shows all 504 adapters");
        assertThat(suggestions.unknown("nope")).isEqualTo("no adapter 'nope'; the list shows all 504 adapters");
    }

    @Test
    @DisplayName("The error for an unknown adapter names no other one if senders may not know them")
    void none() {
        assertThat(AdapterSuggestions.NONE.unknown("nope")).isEqualTo("no adapter 'nope'");
    }
}
