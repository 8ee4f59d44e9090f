package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Recent cancellations")
class RecentCancellationsTest {

    private final RecentCancellations cancellations = new RecentCancellations(3);

    @Test
    @DisplayName("Apply to requests whose record is not newer")
    void applyToOlderRequests() {
        cancellations.add("a", 100);
        assertThat(cancellations.covers("a", 99)).isTrue();
        assertThat(cancellations.covers("a", 100)).isTrue();
        assertThat(cancellations.covers("a", 101)).isFalse();
        assertThat(cancellations.covers("b", 99)).isFalse();
    }

    @Test
    @DisplayName("Are evicted oldest first, and a repeated cancellation counts as new")
    void areBounded() {
        for (String id : new String[] {"a", "b", "c", "a", "d"}) {
            cancellations.add(id, 100);
        }
        assertThat(cancellations.covers("b", 1)).isFalse();
        assertThat(cancellations.covers("a", 1)).isTrue();
        assertThat(cancellations.covers("c", 1)).isTrue();
        assertThat(cancellations.covers("d", 1)).isTrue();
    }
}
